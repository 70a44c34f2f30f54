/* Where the master key comes from: credential or key file. */
#include "certd/master.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certd/seal.h"
#include "common/id.h"
#include "common/mem.h"

#define FILE_MAX 4096

static int derive(struct master *m, const uint8_t *p, size_t n)
{
	struct slice s = { (const char *)p, n };
	int err = seal_derive(s, "ipdect store key encryption", m->kek, sizeof(m->kek));

	return err ? err : seal_derive(s, "ipdect master key id", m->id, sizeof(m->id));
}

static int fault(char *why, size_t cap, const char *path, const char *what, int err)
{
	snprintf(why, cap, "%s: %s: %s", path, what, err_text(err));
	return err;
}

static int read_key(const char *path, bool check, struct master *out, char *why, size_t cap)
{
	uint8_t buf[FILE_MAX];
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), err = 0;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOTFOUND
		                       : fault(why, cap, path, "cannot be opened", -errno);
	if (fstat(fd, &st) != 0)
		err = fault(why, cap, path, "cannot be read", -errno);
	else if (!S_ISREG(st.st_mode) || st.st_size < MASTER_KEY || st.st_size > FILE_MAX) {
		snprintf(why, cap,
		    "%s: the master key has %lld octets, 32 to 4096 are needed: restore it from a "
		    "backup",
		    path, (long long)st.st_size);
		err = ERR_VALUE;
	} else if (check && ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0))) {
		snprintf(
		    why, cap, "%s: others can read the master key: chmod 600 and chown it", path);
		err = ERR_DENIED;
	}
	n = err ? 0 : read(fd, buf, sizeof(buf));
	close(fd);
	if (err == 0 && n != st.st_size)
		err = fault(why, cap, path, "cannot be read", n < 0 ? -errno : ERR_TRUNCATED);
	if (err == 0)
		err = derive(out, buf, (size_t)n);
	mem_wipe(buf, sizeof(buf));
	return err;
}

int master_credential(const char *name, struct master *out, char *why, size_t cap)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[512];

	if (!dir || *dir != '/')
		return ERR_NOTFOUND;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out->from = MASTER_CREDENTIAL;
	/* systemd made the directory for us alone; its mode may be an access list. */
	return read_key(path, false, out, why, cap);
}

int master_file(const char *dir, const char *name, struct master *out, char *why, size_t cap)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out->from = MASTER_FILE;
	return read_key(path, true, out, why, cap);
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

int master_make(const char *dir, const char *name, struct master *out, char *why, size_t cap)
{
	uint8_t key[MASTER_KEY];
	char path[512], temp[520];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(temp, sizeof(temp), "%s.tmp", path);
	if (unlink(temp) != 0 && errno != ENOENT)
		return fault(why, cap, temp, "cannot be removed", -errno);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault(why, cap, temp, "cannot be made", -errno);
	id_random(key, sizeof(key));
	if (write(fd, key, sizeof(key)) != (ssize_t)sizeof(key) || fsync(fd) != 0)
		err = fault(why, cap, temp, "cannot be written", errno ? -errno : -EIO);
	close(fd);
	if (err == 0 && rename(temp, path) != 0)
		err = fault(why, cap, path, "cannot be made", -errno);
	if (err == 0)
		err = sync_dir(dir);
	if (err == 0) {
		out->from = MASTER_FILE;
		err = derive(out, key, sizeof(key));
	} else {
		unlink(temp);
	}
	mem_wipe(key, sizeof(key));
	return err;
}

int master_promote(const char *dir, char *why, size_t cap)
{
	char from[512], to[512];
	int err;

	snprintf(from, sizeof(from), "%s/" MASTER_FILE_NEXT, dir);
	snprintf(to, sizeof(to), "%s/" MASTER_FILE_NAME, dir);
	if (rename(from, to) != 0)
		return fault(why, cap, to, "cannot be replaced", -errno);
	err = sync_dir(dir);
	return err ? fault(why, cap, dir, "cannot be synchronised", err) : 0;
}

int master_erase(const char *dir, const char *name, char *why, size_t cap)
{
	static const uint8_t zero[FILE_MAX];
	char path[512];
	struct stat st;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : fault(why, cap, path, "cannot be erased", -errno);
	if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= FILE_MAX &&
	    (write(fd, zero, (size_t)st.st_size) != (ssize_t)st.st_size || fsync(fd) != 0))
		err = fault(why, cap, path, "cannot be erased", errno ? -errno : -EIO);
	close(fd);
	if (unlink(path) != 0 && err == 0)
		err = fault(why, cap, path, "cannot be removed", -errno);
	return err ? err : sync_dir(dir);
}
