#ifndef TESTS_CERTD_TMPDIR_H
#define TESTS_CERTD_TMPDIR_H
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A private directory for a test, in memory where the host has that. */
static inline char *tmp_make(void)
{
	char *d = strdup(access("/dev/shm", W_OK) == 0 ? "/dev/shm/ipdect-test.XXXXXX"
	                                               : "/tmp/ipdect-test.XXXXXX");

	if (!d || !mkdtemp(d))
		abort();
	return d;
}

static inline void tmp_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[600];

	while (d && (e = readdir(d)) != NULL) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (unlink(path) != 0) {
			tmp_empty(path);
			rmdir(path);
		}
	}
	if (d)
		closedir(d);
}

static inline void tmp_remove(char *dir)
{
	tmp_empty(dir);
	rmdir(dir);
	free(dir);
}
#endif
