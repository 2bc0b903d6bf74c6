// SPDX-License-Identifier: MPL-2.0
/**
 * The loader of ELF programs. Every field of a file is hostile.
 *
 * Source: System V ABI (gABI chapter 5), x86-64 psABI 3.4; elf(5). Errors are those of Linux' fs/binfmt_elf.c: what can be seen in headers is
 * refused with ENOEXEC (ELIBBAD in the interpreter); what fails while segments are mapped ends the process, as the old program has gone by then.
 */
#include "exec.h"

#include <mman.h>

enum : u32 { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62, PT_LOAD = 1, PT_INTERP = 3, PT_GNU_STACK = 0x6474e551, PF_X = 1, PF_W = 2, PF_R = 4 };
enum : u64 {
	ELF_SEGMENTS_MAX = 65536,       /* bytes of program headers */
	ELF_DYN_BASE = USER_END / 3 * 2 / PAGE_SIZE * PAGE_SIZE,
	PATH_LIMIT = 4096,
	DYN_RANDOM = (u64)1 << 40, BRK_RANDOM = (u64)0x02000000,
};

ARRAY_DEFINE(elf_segments, struct elf_segment);

err_t
exec_read(struct file *file, u64 off, struct bytes dst)
{
	REF_SCOPE(byte_array, buffer);
	u64 moved = 0;
	buffer = byte_array_alloc((u32)bytes_len(dst));
	if (buffer == nullptr)
		return ENOMEM;
	struct uio uio = uio_kernel(buffer, 0, bytes_len(dst));
	TRY(file_read_at(file, &uio, off, 0, &moved));
	if (moved != bytes_len(dst))
		return EIO;
	bytes_copy(dst, bytes_const(byte_array_bytes(buffer)));
	return OK;
}

/* --- opening --- */

static bool
elf_is_elf(const struct elf_header *scoped header)
{
	return header->ident[0] == 0x7f && header->ident[1] == 'E' && header->ident[2] == 'L' && header->ident[3] == 'F';
}

static err_t
elf_read_segments(struct elf_file *scoped elf)
{
	u32 count = elf->header.phnum;
	if (elf->header.phentsize != sizeof(struct elf_segment) || count == 0 || count * sizeof(struct elf_segment) > ELF_SEGMENTS_MAX)
		return ENOEXEC;
	elf->segments = elf_segments_alloc(count);
	if (elf->segments == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < count; i++) {
		struct elf_segment segment = {};
		if (exec_read(elf->file, elf->header.phoff + i * sizeof(segment), BYTES_OF(segment)) != OK)
			return ENOEXEC;
		*elf_segments_at(elf->segments, i) = segment;
	}
	return OK;
}

/** => ENOEXEC for whatever is not a program for this machine. elf->file and elf->header are set. */
static err_t
elf_check(struct elf_file *scoped elf)
{
	if (!elf_is_elf(&elf->header))
		return ENOEXEC;
	if ((elf->header.type != ET_EXEC && elf->header.type != ET_DYN) || elf->header.machine != EM_X86_64)
		return ENOEXEC;
	return elf_read_segments(elf);
}

/** The first segment of a type; null: none. */
static struct elf_segment *
elf_find(const struct elf_file *scoped elf, u32 type)
{
	for (u32 i = 0; i < elf->header.phnum; i++) {
		struct elf_segment *segment = elf_segments_at(elf->segments, i);
		if (segment->type == type)
			return segment;
	}
	return nullptr;
}

/** Opens the interpreter that the program names. */
static err_t
elf_open_loader(struct exec *scoped exec, const struct elf_segment *segment)
{
	REF_SCOPE(byte_array, path);
	if (segment->filesz > PATH_LIMIT || segment->filesz < 2)
		return ENOEXEC;
	path = byte_array_alloc((u32)segment->filesz);
	if (path == nullptr)
		return ENOMEM;
	TRY(exec_read(exec->file, segment->offset, byte_array_bytes(path)));
	struct cbytes text = bytes_const(byte_array_bytes(path));
	size_t len = 0;
	while (len < cbytes_len(text) && cbytes_get(text, len) != 0)
		len++;
	if (cbytes_get(text, cbytes_len(text) - 1) != 0)
		return ENOEXEC;
	TRY(file_open_exec_kernel(cbytes_sub(text, 0, len), &exec->loader.file));
	TRY(exec_read(exec->loader.file, 0, BYTES_OF(exec->loader.header)));
	if (!elf_is_elf(&exec->loader.header) || exec->loader.header.machine != EM_X86_64)
		return ELIBBAD;
	err_t err = elf_read_segments(&exec->loader);
	return err == ENOEXEC ? ELIBBAD : err;
}

err_t
elf_open(struct exec *scoped exec)
{
	file_get(exec->file);
	exec->elf.file = exec->file;
	bytes_copy(BYTES_OF(exec->elf.header), cbytes_sub(CBYTES_OF(exec->head), 0, sizeof(exec->elf.header)));
	TRY(elf_check(&exec->elf));
	const struct elf_segment *interp = elf_find(&exec->elf, PT_INTERP), *stack = elf_find(&exec->elf, PT_GNU_STACK);
	exec->stack_executable = stack != nullptr && (stack->flags & PF_X) != 0;
	return interp != nullptr ? elf_open_loader(exec, interp) : OK;
}

static void
elf_file_close(struct elf_file *scoped elf)
{
	if (elf->segments != nullptr)
		elf_segments_put(elf->segments);
	if (elf->file != nullptr)
		file_put(elf->file);
	elf->segments = nullptr;
	elf->file = nullptr;
}

void
elf_close(struct exec *scoped exec)
{
	elf_file_close(&exec->elf);
	elf_file_close(&exec->loader);
}

/* --- mapping --- */

static enum vm_prot
segment_prot(const struct elf_segment *scoped segment)
{
	u32 flags = segment->flags;
	return (enum vm_prot)(((flags & PF_R) != 0 ? VM_READ : 0) | ((flags & PF_W) != 0 ? VM_WRITE : 0) | ((flags & PF_X) != 0 ? VM_EXEC : 0));
}

/** How much room the loadable segments take, from the first to the last; 0: there are none, or they wrap. */
static u64
elf_span(const struct elf_file *scoped elf, u64 *scoped start)
{
	u64 low = ~(u64)0, high = 0;
	for (u32 i = 0; i < elf->header.phnum; i++) {
		const struct elf_segment *segment = elf_segments_at(elf->segments, i);
		if (segment->type != PT_LOAD)
			continue;
		u64 end = 0;
		if (__builtin_add_overflow(segment->vaddr, segment->memsz, &end))
			return 0;
		low = MIN(low, align_down(segment->vaddr, PAGE_SIZE));
		high = MAX(high, end);
	}
	*start = low;
	return high > low ? high - low : 0;
}

static u64
elf_alignment(const struct elf_file *scoped elf)
{
	u64 most = PAGE_SIZE;
	for (u32 i = 0; i < elf->header.phnum; i++) {
		const struct elf_segment *segment = elf_segments_at(elf->segments, i);
		bool power = segment->align != 0 && (segment->align & (segment->align - 1)) == 0;
		if (segment->type == PT_LOAD && power)
			most = MAX(most, segment->align);
	}
	return most;
}

static err_t
map_anonymous(struct vm_map *map, u64 start, u64 end, enum vm_prot prot, u32 flags)
{
	struct vm_request request = { .address = UADDR(start), .len = end - start, .prot = prot, .place = VM_PLACE_FIXED,
		.flags = VM_MAY_WRITE | VM_MAY_EXEC | flags };
	uaddr_t at = {};
	return start < end ? vm_map_add(map, &request, &at) : OK;
}

/** The part of a segment that the file fills, in whole pages. */
static err_t
segment_map_file(struct vm_map *map, struct file *file, const struct elf_segment *segment, u64 bias)
{
	u64 head = segment->vaddr % PAGE_SIZE;
	if (segment->filesz == 0)
		return OK;
	if (segment->offset % PAGE_SIZE != head)
		return EINVAL;
	struct vm_request request = { .address = UADDR(segment->vaddr - head + bias), .len = align_up(segment->filesz + head, PAGE_SIZE),
		.prot = segment_prot(segment), .place = VM_PLACE_FIXED, .flags = VM_MAY_WRITE | VM_MAY_EXEC, .offset = segment->offset - head };
	uaddr_t at = {};
	request.file = file_object(file);
	request.file_ops = &vm_mapped_file_ops;
	TRY(file_map(file, &request));
	return vm_map_add(map, &request, &at);
}

/** Zeroes what the file's last page has behind the segment's end. A segment that cannot be written keeps it, as with Linux. */
static err_t
segment_clear_tail(struct vm_map *map, const struct elf_segment *segment, u64 end)
{
	static const u8 zeroes[PAGE_SIZE];
	u64 len = align_up(end, PAGE_SIZE) - end;
	size_t done = 0;
	if (len == 0 || (segment->flags & PF_W) == 0)
		return OK;
	return vm_map_write(map, UADDR(end), cbytes_sub(CBYTES_OF(zeroes), 0, len), &done);
}

/** Maps one segment at vaddr + bias, its bss included. */
static err_t
segment_map(struct vm_map *map, struct file *file, const struct elf_segment *segment, u64 bias)
{
	u64 start = segment->vaddr + bias;
	if (segment->filesz > segment->memsz || segment->memsz > USER_END || range_exceeds(start, segment->memsz, USER_END))
		return EINVAL;
	TRY(segment_map_file(map, file, segment, bias));
	if (segment->memsz == segment->filesz)
		return OK;
	u64 file_end = start + segment->filesz, end = start + segment->memsz;
	u64 bss = segment->filesz != 0 ? align_up(file_end, PAGE_SIZE) : align_down(start, PAGE_SIZE);
	if (segment->filesz != 0)
		TRY(segment_clear_tail(map, segment, file_end));
	return map_anonymous(map, bss, align_up(end, PAGE_SIZE), segment_prot(segment), 0);
}

/** Notes where the program's code and data are, for /proc and brk(2). */
static void
layout_note(struct vm_layout *scoped layout, const struct elf_segment *segment, u64 bias)
{
	u64 start = segment->vaddr + bias, file_end = start + segment->filesz, end = start + segment->memsz;
	if ((segment->flags & PF_X) != 0) {
		layout->code_start = layout->code_start == 0 ? start : MIN(layout->code_start, start);
		layout->code_end = MAX(layout->code_end, file_end);
	}
	layout->data_start = MAX(layout->data_start, start);
	layout->data_end = MAX(layout->data_end, file_end);
	layout->brk_start = MAX(layout->brk_start, end);
}

/** Maps all segments of a file with this bias; *phdr is where its program headers are seen, 0: nowhere. */
static err_t
elf_map_segments(struct vm_map *map, const struct elf_file *scoped elf, u64 bias, struct vm_layout *scoped layout, u64 *scoped phdr)
{
	for (u32 i = 0; i < elf->header.phnum; i++) {
		const struct elf_segment *segment = elf_segments_at(elf->segments, i);
		if (segment->type != PT_LOAD)
			continue;
		TRY(segment_map(map, elf->file, segment, bias));
		u64 phoff = elf->header.phoff;
		if (segment->offset <= phoff && phoff - segment->offset < segment->filesz)
			*phdr = phoff - segment->offset + segment->vaddr + bias;
		layout_note(layout, segment, bias);
	}
	return OK;
}

/** Reserves room for a file that can lie anywhere; the segments are then mapped over it. */
static err_t
elf_place(struct vm_map *map, u64 hint, u64 span, u64 align, u64 *scoped at)
{
	struct vm_request request = { .address = UADDR(hint), .len = align_up(span + (align - PAGE_SIZE), PAGE_SIZE), .place = VM_PLACE_HINT,
		.flags = VM_NORESERVE };
	uaddr_t where = {};
	if (span == 0 || span > USER_END || align > USER_END)
		return EINVAL;
	TRY(vm_map_add(map, &request, &where));
	TRY(vm_map_remove(map, where, request.len));
	*at = align_up(where.raw, align);
	return OK;
}

static err_t
elf_bias(struct exec *scoped exec, const struct elf_file *scoped elf, bool program, u64 *scoped bias)
{
	u64 start = 0, at = 0, span = elf_span(elf, &start), align = elf_alignment(elf);
	bool low = program && exec->loader.file != nullptr;
	u64 hint = low ? ELF_DYN_BASE + (vm_map_is_random(exec->map) ? align_down(vm_random(DYN_RANDOM), PAGE_SIZE) : 0) : 0;
	if (elf->header.type == ET_EXEC)
		return OK;
	TRY(elf_place(exec->map, low ? align_down(hint, align) : 0, span, align, &at));
	*bias = at - align_down(start, align);
	if (align_down(start, PAGE_SIZE) != align_down(start, align))
		*bias = at - align_down(start, PAGE_SIZE);
	return OK;
}

/** Where brk(2) begins: behind the bss; behind where programs lie, for a loader that was run by itself. */
static void
layout_brk(struct exec *scoped exec)
{
	u64 brk = align_up(exec->layout.brk_start, PAGE_SIZE);
	if (exec->elf.header.type == ET_DYN && exec->loader.file == nullptr)
		brk = ELF_DYN_BASE;
	if (vm_map_is_random(exec->map))
		brk += align_down(vm_random(BRK_RANDOM), PAGE_SIZE);
	exec->layout.brk_start = brk;
	exec->layout.brk = brk;
}

err_t
elf_map(struct exec *scoped exec)
{
	u64 bias = 0, loader_bias = 0, unused = 0;
	struct vm_layout loader_layout = {};
	TRY(elf_bias(exec, &exec->elf, true, &bias));
	TRY(elf_map_segments(exec->map, &exec->elf, bias, &exec->layout, &exec->phdr));
	layout_brk(exec);
	exec->program_entry = exec->elf.header.entry + bias;
	exec->entry = exec->program_entry;
	if (exec->loader.file != nullptr) {
		if (exec->loader.header.type != ET_EXEC && exec->loader.header.type != ET_DYN)
			return EINVAL;
		TRY(elf_bias(exec, &exec->loader, false, &loader_bias));
		TRY(elf_map_segments(exec->map, &exec->loader, loader_bias, &loader_layout, &unused));
		exec->base = loader_bias;
		exec->entry = exec->loader.header.entry + loader_bias;
	}
	return exec->entry < USER_END ? OK : EINVAL;
}
