// SPDX-License-Identifier: MPL-2.0
/**
 * Inside of execve: what its parts hand on to each other.
 */
#pragma once

#include "process_impl.h"

enum : u32 { EXEC_HEAD = 256, EXEC_DEPTH = 5, ARG_STRING_MAX = 128 << 10 };

/** ELF files' parts that the loader looks at (System V ABI, chapter 5). Plain data. */
struct elf_header { u8 ident[16]; u16 type, machine; u32 version; u64 entry, phoff, shoff; u32 flags; u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx; };
struct elf_segment { u32 type, flags; u64 offset, vaddr, paddr, filesz, memsz, align; };
static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56);
ARRAY_DECLARE(elf_segments, struct elf_segment);

/** A file that is being looked at, with its header and program headers. */
struct elf_file {
	struct file *file;              /* counted */
	struct elf_header header;
	struct elf_segments *segments;  /* counted */
};

/** One execve on its way. A local of its caller; pointers in it are counted. */
struct exec {
	struct file *file;              /* the program: the interpreter of a script, at the end */
	bool denied;                    /* its inode is denied to writers on our account */
	u64 limit;                      /* bytes that strings and their addresses may take */
	u8 head[EXEC_HEAD];             /* the first bytes of `file`, zeroes behind its end */
	struct exec_strings strings;
	struct byte_array *name;        /* as the caller named the program: AT_EXECFN, with its NUL */
	struct byte_array *interp;      /* what a script's first line calls, else `name` */
	bool inaccessible;              /* the name is /dev/fd/N of a descriptor that will be closed */
	struct elf_file elf, loader;    /* the program and its PT_INTERP */
	bool stack_executable;
	struct vm_map *map;             /* the new one */
	struct vm_layout layout;
	u64 entry, base, phdr, program_entry; /* where to begin; AT_BASE, AT_PHDR, AT_ENTRY */
	u64 stack;                      /* the new stack pointer */
	struct cred *cred;              /* the new credentials */
	bool secure;                    /* AT_SECURE */
};

/* --- elf.c --- */
/** Reads and checks program and interpreter: all that can still be refused. => ENOEXEC, ELIBBAD, ENOENT, EACCES, EIO … */
err_t elf_open(struct exec *scoped exec);
/** Maps both into exec->map. => an error here ends the process */
err_t elf_map(struct exec *scoped exec);
void elf_close(struct exec *scoped exec);
/** Reads exactly all of dst. => EIO: the file is shorter */
err_t exec_read(struct file *file, u64 off, struct bytes dst);

/* --- exec_stack.c --- */
/** The new stack: strings, auxiliary vector, environment, arguments (System V ABI for x86-64, 3.4). */
err_t exec_stack_build(struct exec *scoped exec);
/** Copies argv or envp of the running program behind what is in `strings`; *count of them. => EFAULT, E2BIG, ENOMEM */
err_t exec_strings_copy(struct exec_strings *scoped strings, uaddr_t vector, u32 *scoped count, u64 limit);

/* --- exec_cred.c --- */
/** What credentials the program gets: set-id bits and capabilities. => ENOMEM */
err_t exec_cred_make(struct exec *scoped exec);
