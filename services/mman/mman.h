// SPDX-License-Identifier: MPL-2.0
/**
 * Memory system calls: the arguments as programs give them, and what the files of this folder share.
 *
 * Source: mmap(2), mremap(2), madvise(2), shmget(2).
 */
#pragma once

#include <vm_map.h>

enum map_prot : u64 { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_SEM = 8, PROT_GROWSDOWN = 0x01000000, PROT_GROWSUP = 0x02000000 };
enum map_flags : u64 {
	MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_SHARED_VALIDATE = 3, MAP_TYPE = 0xf, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_32BIT = 0x40,
	MAP_GROWSDOWN = 0x100, MAP_DENYWRITE = 0x800, MAP_EXECUTABLE = 0x1000, MAP_LOCKED = 0x2000, MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000, MAP_NONBLOCK = 0x10000, MAP_STACK = 0x20000, MAP_HUGETLB = 0x40000, MAP_SYNC = 0x80000,
	MAP_FIXED_NOREPLACE = 0x100000,
	/* What MAP_SHARED_VALIDATE lets through; the huge page sizes too, but there are no huge pages. */
	MAP_KNOWN = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED |
	            MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | (u64)0x3f << 26,
};

/** The protection bits that the kernel knows; others are without meaning. */
static inline enum vm_prot prot_of(u64 prot) { return (enum vm_prot)(prot & (PROT_READ | PROT_WRITE | PROT_EXEC)); }

/**
 * A user range made whole pages. => EINVAL: `at` is not page aligned, or the end wraps; EOVERFLOW never. *pages_len 0: nothing to do
 */
static inline err_t
range_of_pages(uaddr_t at, u64 len, u64 *scoped pages_len)
{
	*pages_len = align_up(len, PAGE_SIZE);
	return (at.raw & (PAGE_SIZE - 1)) != 0 || *pages_len < len || at.raw + *pages_len < at.raw ? EINVAL : OK;
}

/** The file of `fd` into a request: its rights, its pages. The caller ends it with request_file_put, also where this fails. */
err_t request_file(i32 fd, struct vm_request *scoped request);
void request_file_put(struct vm_request *scoped request);

/** Of mappings of files: vm_area_info.file is a `struct file` where its file_ops are these. */
extern const struct vm_file_ops vm_mapped_file_ops;

/** After the clock was started. => ENOMEM */
err_t mman_init(void);
