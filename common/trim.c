/* What starting leaves resident: OpenSSL's, SQLite's and the loader's pages that no call ever touches again. */
#include "common/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int drop_segments(struct dl_phdr_info *o, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)ctx;
	for (int i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		/* With PF_W pages may have been written, and would be lost. Text relocations, too, but nothing here has them. */
		if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
			continue;
		uintptr_t from = (uintptr_t)(o->dlpi_addr + p->p_vaddr) & ~(page - 1),
		          to = (uintptr_t)(o->dlpi_addr + p->p_vaddr + p->p_memsz);
		/* Locked memory refuses: then it is meant to stay. */
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void trim_resident(void)
{
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(drop_segments, NULL);
}
