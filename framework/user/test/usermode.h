// SPDX-License-Identifier: MPL-2.0
/**
 * Programs of a few instructions in a space of their own, for tests of user mode: a file defines its programs with PROGRAM, `end` the last,
 * behind this header.
 */
#pragma once

#include <arch/string.h>
#include <cadre/user.h>
#include <cpu/cpu.h>
#include <mm/test/parallel.h>

enum : u64 { CODE = 0x400000, DATA = 0x600000, STACK_TOP = DATA + PAGE_SIZE, NOWHERE = 0x700000, FLAGS_IN_USER = 0x202 };
enum : u32 { DE = 0, DB = 1, BP = 3, UD = 6, SS = 12, GP = 13, PF = 14, MF = 16, AC = 17, XM = 19 };

/* Position independent, copied to CODE. */
#define PROGRAM(name, text)                                                                                            \
	asm(".pushsection .rodata.programs, \"a\"\nprogram_" #name ":\n" text "\n\t.popsection"); extern const u8 program_##name[]

asm(".pushsection .rodata.programs, \"a\"\nprograms:\n.popsection");
extern const u8 programs[];
extern const u8 program_end[];

static struct vm_space *space;
static struct user_context *context;

static void
map_page(u64 at, enum vm_prot prot, struct cbytes contents)
{
	struct frame *frame = frame_alloc_filled(contents);
	{
		VM_CURSOR_SCOPE(cursor);
		EXPECT_EQ(vm_cursor_open(space, UADDR(at), UADDR(at + PAGE_SIZE), &cursor), OK);
		EXPECT_EQ(vm_cursor_map(&cursor, frame, prot, VM_CACHE_BACK), OK);
	}
	frame_put(frame);
}

static void
start_space(void)
{
	EXPECT_EQ(vm_space_create(&space), OK);
	map_page(CODE, VM_READ | VM_EXEC, (struct cbytes){ programs, (size_t)(program_end - programs) });
	map_page(DATA, VM_READ | VM_WRITE, (struct cbytes){});
	vm_space_activate(space);
}

static struct user_context *
start_context(void)
{
	struct user_context *made = nullptr;
	EXPECT_EQ(user_context_create(&made), OK);
	return made;
}

static void
start(void)
{
	start_space();
	context = start_context();
}

static void
stop(void)
{
	vm_space_activate(nullptr);
	user_context_put(context);
	vm_space_put(space);
}

static u64
address_of(const u8 *program)
{
	return CODE + (u64)(program - programs);
}

static void
enter_at(const u8 *program)
{
	context->regs.rip = address_of(program);
	context->regs.rsp = STACK_TOP - 128;
	context->regs.rflags = 0;
}

static struct user_event
run(const u8 *program)
{
	enter_at(program);
	return user_run(context);
}

static bool
is_exception(struct user_event event, u32 vector)
{
	return event.kind == USER_EXCEPTION && event.vector == vector;
}

static bool
is_fault(struct user_event event, u64 address, enum user_access access)
{
	return event.kind == USER_PAGE_FAULT && event.address == address && event.access == access;
}
