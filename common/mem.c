/* Allocation that cannot fail, and wiping. */
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void mem_bug(const char *what, const char *file, int line)
{
	fprintf(stderr, "<2>BUG: %s at %s:%d\n", what, file, line);
	abort();
}

void *mem_new(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		mem_bug("out of memory", __FILE__, __LINE__);
	return p;
}

void *mem_array(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		mem_bug("out of memory", __FILE__, __LINE__);
	return p;
}

void *mem_grow(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n ? n : 1, size ? size : 1);

	if (!p)
		mem_bug("out of memory", __FILE__, __LINE__);
	return p;
}

void *mem_dup(const void *p, size_t n)
{
	char *d = malloc(n + 1);

	if (!d)
		mem_bug("out of memory", __FILE__, __LINE__);
	if (n)
		memcpy(d, p, n);
	d[n] = '\0';
	return d;
}

char *mem_str(const char *s)
{
	return mem_dup(s, strlen(s));
}

int mem_sealed(const char *name, const void *p, size_t n)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), err = 0;

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < n && err == 0;) {
		ssize_t k = write(fd, (const char *)p + done, n - done);

		if (k > 0)
			done += (size_t)k;
		else if (k == 0 || errno != EINTR)
			err = k == 0 ? -EIO : -errno;
	}
	if (err == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		err = -errno;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

void mem_wipe(void *p, size_t n)
{
	if (p && n)
		explicit_bzero(p, n);
}

void mem_free_wiped(void *p, size_t n)
{
	mem_wipe(p, n);
	free(p);
}

int mem_differs(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	unsigned d = 0;

	for (size_t i = 0; i < n; i++)
		d |= (unsigned)(x[i] ^ y[i]);
	return d != 0;
}
