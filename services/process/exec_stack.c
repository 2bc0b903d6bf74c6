// SPDX-License-Identifier: MPL-2.0
/**
 * What a new program finds on its stack: arguments, environment, auxiliary vector; and how they get there.
 *
 * Source: x86-64 psABI 3.4.1; getauxval(3); execve(2), "Limits on size of arguments and environment".
 */
#include "exec.h"

#include <random.h>

enum : u64 {
	AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7, AT_FLAGS = 8, AT_ENTRY = 9, AT_UID = 11, AT_EUID = 12,
	AT_GID = 13, AT_EGID = 14, AT_PLATFORM = 15, AT_HWCAP = 16, AT_CLKTCK = 17, AT_SECURE = 23, AT_RANDOM = 25, AT_HWCAP2 = 26,
	AT_EXECFN = 31, AT_SYSINFO_EHDR = 33, AT_MINSIGSTKSZ = 51,
	HWCAP_BASELINE = 0x078bfbff,    /* CPUID 1, edx: what x86-64 always has */
	SIGNAL_FRAME = 8 + 304 + 128 + 64, /* without the FPU's state: return address, ucontext, siginfo, alignment */
	STACK_INITIAL = 132 << 10,      /* what the stack area has at once, at least; it grows from there */
	STACK_GAP = 16 << 10,
};
enum : u32 { STRINGS_FIRST = 2048 };

/* --- strings --- */

/** Room for `more` bytes behind what is there. => ENOMEM */
static err_t
strings_room(struct exec_strings *scoped strings, u32 more)
{
	u32 have = strings->text != nullptr ? byte_array_len(strings->text) : 0, want = MAX(have * 2, (u32)STRINGS_FIRST);
	if (strings->len + more <= have)
		return OK;
	struct byte_array *text = byte_array_alloc(MAX(want, strings->len + more));
	if (text == nullptr)
		return ENOMEM;
	if (strings->text != nullptr) {
		bytes_copy(byte_array_bytes(text), bytes_const(bytes_sub(byte_array_bytes(strings->text), 0, strings->len)));
		byte_array_put(strings->text);
	}
	strings->text = text;
	return OK;
}

err_t
exec_strings_add(struct exec_strings *scoped strings, struct cbytes string)
{
	TRY(strings_room(strings, (u32)cbytes_len(string) + 1));
	bytes_copy(bytes_from(byte_array_bytes(strings->text), strings->len), string);
	bytes_set(byte_array_bytes(strings->text), strings->len + cbytes_len(string), 0);
	strings->len += (u32)cbytes_len(string) + 1;
	return OK;
}

/** Where the first NUL is; the length where there is none. */
static size_t
find_nul(struct cbytes text)
{
	size_t i = 0;
	while (i < cbytes_len(text) && cbytes_get(text, i) != 0)
		i++;
	return i;
}

/** One string of the program's, piece by piece up to the end of each page: reading on would fault where the string does not. */
static err_t
strings_copy_one(struct exec_strings *scoped strings, u64 at, u64 limit)
{
	for (u64 len = 0;;) {
		u32 piece = (u32)(MIN((u64)512, PAGE_SIZE - at % PAGE_SIZE));
		TRY(strings_room(strings, piece));
		struct bytes room = bytes_sub(byte_array_bytes(strings->text), strings->len, piece);
		TRY(copy_in(room, UADDR(at)));
		size_t found = find_nul(bytes_const(room));
		len += found;
		if (len + 1 > ARG_STRING_MAX || strings->len + found + 1 > limit)
			return E2BIG;
		strings->len += (u32)found;
		at += found;
		if (found < piece) {
			strings->len += 1;
			return OK;
		}
	}
}

err_t
exec_strings_copy(struct exec_strings *scoped strings, uaddr_t vector, u32 *scoped count, u64 limit)
{
	if (vector.raw == 0)
		return OK;
	for (u64 at = vector.raw;; at += 8) {
		u64 string = 0;
		TRY(copy_in_value(string, UADDR(at)));
		if (string == 0)
			return OK;
		if ((u64)*count * 8 >= limit)
			return E2BIG;
		TRY(strings_copy_one(strings, string, limit));
		*count += 1;
	}
}

/* --- the stack --- */

/** The words from argc on, in the making. */
struct stack_words {
	struct byte_array *words;
	u32 used;
};

static void
word_add(struct stack_words *scoped stack, u64 word)
{
	bytes_copy(bytes_from(byte_array_bytes(stack->words), stack->used), CBYTES_OF(word));
	stack->used += 8;
}

/** The addresses of `count` strings that lie at `base`, from offset *off in the text on; then a null. */
static void
words_add_strings(struct stack_words *scoped stack, const struct exec_strings *scoped strings, u64 base, u32 count, u32 *scoped off)
{
	struct cbytes text = bytes_const(byte_array_bytes(strings->text));
	for (u32 i = 0; i < count; i++) {
		word_add(stack, base + *off);
		*off += (u32)find_nul(cbytes_from(text, *off)) + 1;
	}
	word_add(stack, 0);
}

static u32
auxv_fill(struct exec *scoped exec, u64 random, u64 platform, u64 name)
{
	const struct cred *cred = exec->cred;
	const struct { u64 key, value; } table[] = {
		{ AT_SYSINFO_EHDR, exec->layout.vdso }, { AT_MINSIGSTKSZ, align_up(user_fpu_size() + SIGNAL_FRAME, 16) },
		{ AT_HWCAP, HWCAP_BASELINE }, { AT_PAGESZ, PAGE_SIZE }, { AT_CLKTCK, 100 }, { AT_PHDR, exec->phdr },
		{ AT_PHENT, sizeof(struct elf_segment) }, { AT_PHNUM, exec->elf.header.phnum }, { AT_BASE, exec->base }, { AT_FLAGS, 0 },
		{ AT_ENTRY, exec->program_entry }, { AT_UID, cred->uid }, { AT_EUID, cred->euid }, { AT_GID, cred->gid },
		{ AT_EGID, cred->egid }, { AT_SECURE, exec->secure }, { AT_RANDOM, random }, { AT_HWCAP2, 0 }, { AT_EXECFN, name },
		{ AT_PLATFORM, platform }, { AT_NULL, 0 },
	};
	u32 n = 0;
	for (u32 i = 0; i < COUNTOF(table); i++) {
		if (table[i].key == AT_SYSINFO_EHDR && table[i].value == 0)
			continue;
		*ELEM(exec->layout.auxv, n) = table[i].key;
		*ELEM(exec->layout.auxv, n + 1) = table[i].value;
		n += 2;
	}
	exec->layout.auxv_len = n * 8;
	return n;
}

static err_t
stack_put(struct exec *scoped exec, u64 at, struct cbytes text)
{
	size_t done = 0;
	return vm_map_write(exec->map, UADDR(at), text, &done);
}

/** The area itself: what is needed at once and a bit; the rest comes by growing, as far as the limit lets it. */
static err_t
stack_area(struct exec *scoped exec, u64 top, u64 need)
{
	enum vm_prot prot = VM_READ | VM_WRITE | (exec->stack_executable ? VM_EXEC : (enum vm_prot)0);
	u64 len = align_up(need + STACK_INITIAL, PAGE_SIZE);
	struct vm_request request = { .address = UADDR(top - len), .len = len, .prot = prot, .place = VM_PLACE_FIXED,
		.flags = VM_GROWSDOWN | VM_STACK | VM_MAY_WRITE | VM_MAY_EXEC };
	uaddr_t at = {};
	return vm_map_add(exec->map, &request, &at);
}

/** Strings at the top, from there down: the file name, environment and arguments, the platform, 16 random bytes, the words. */
err_t
exec_stack_build(struct exec *scoped exec)
{
	static const u8 platform[7] = "x86_64";
	const struct exec_strings *strings = &exec->strings;
	u8 random[16] = {};
	u64 top = vm_map_stack_top(exec->map), name = top - 8 - byte_array_len(exec->name);
	u64 text = name - strings->len, platform_at = text - sizeof(platform), random_at = align_down(platform_at - 16, 16);
	u32 words = 1 + strings->argc + 1 + strings->envc + 1, off = 0, auxv = auxv_fill(exec, random_at, platform_at, name);
	struct stack_words stack = {};
	REF_SCOPE(byte_array, buffer);
	random_bytes(BYTES_OF(random));
	buffer = byte_array_alloc((words + auxv) * 8);
	if (buffer == nullptr)
		return ENOMEM;
	stack.words = buffer;
	exec->stack = align_down(random_at - (words + auxv) * 8, 16);
	TRY(stack_area(exec, top, top - exec->stack));
	word_add(&stack, strings->argc);
	words_add_strings(&stack, strings, text, strings->argc, &off);
	exec->layout.arg_start = text;
	exec->layout.arg_end = text + off;
	words_add_strings(&stack, strings, text, strings->envc, &off);
	exec->layout.env_start = exec->layout.arg_end;
	exec->layout.env_end = text + off;
	exec->layout.stack_start = exec->stack;
	for (u32 i = 0; i < auxv; i++)
		word_add(&stack, *ELEM(exec->layout.auxv, i));
	TRY(stack_put(exec, name, bytes_const(byte_array_bytes(exec->name))));
	TRY(stack_put(exec, text, bytes_const(bytes_sub(byte_array_bytes(strings->text), 0, strings->len))));
	TRY(stack_put(exec, platform_at, CBYTES_OF(platform)));
	TRY(stack_put(exec, random_at, CBYTES_OF(random)));
	return stack_put(exec, exec->stack, bytes_const(byte_array_bytes(buffer)));
}
