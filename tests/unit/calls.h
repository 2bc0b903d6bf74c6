// SPDX-License-Identifier: MPL-2.0
/**
 * Bytes as system calls, made straight through the table by tasks that run no program: for random calls (calls_test.c) and for libFuzzer (tests/fuzz/kernel/).
 *
 * An input is a head of CALLS_HEAD bytes and records of CALL_BYTES, so that what changes one leaves those behind it where they are. A record is
 *   number (2 bytes), for each of six arguments 3 bytes that are read by the argument's type in syscalls.tbl: most calls are nearly right;
 *   or CALL_POKE, where (2), how many (2), bytes: into the process' memory, where structs are.
 * fork, vfork and clone make a process or a thread that runs the next records, as many as the last byte says; the caller goes on behind them.
 * tests/fuzz/calls_corpus.py writes the same form.
 */
#pragma once

#include "program.h"

enum : u32 { CALLS_HEAD = 4, CALL_BYTES = 20, CALLS_MAX = 48, CALLS_INPUT_MAX = CALLS_HEAD + CALLS_MAX * CALL_BYTES, CALL_POKE = 0xfffe };
/** The first byte of the head. The second one chooses what fills the memory. */
enum calls_head : u8 { CALLS_AS_NOBODY = 1, CALLS_OWN_SESSION = 2 };
/** The kinds of the three bytes of an argument: below these bounds. */
enum calls_number : u8 { NUMBER_SMALL = 128, NUMBER_END = 160, NUMBER_PLAIN = 192, NUMBER_PAGES = 208, NUMBER_NEGATIVE = 224, NUMBER_POWER = 240 };
enum calls_pointer : u8 { POINTER_PLACE = 200, POINTER_NULL = 210, POINTER_BAD = 220, POINTER_EDGE = 230, POINTER_RESULT = 240 };
enum calls_other : u8 { DIRFD_CWD = 160, STRING_KNOWN = 230, NAMES_KNOWN = 220 };

/** In a program: what the inputs need. */
void calls_start(void);
/** Runs an input in a process of its own, and removes what outlives that, so that the next input finds what this one found. => calls made */
u64 calls_run(const u8 *bytes, u32 len);
void calls_stop(void);

/** A number of the boot command line. */
u64 calls_option(struct cbytes key, u64 otherwise);
/** Makes a random record. */
void calls_record_random(u8 record[CALL_BYTES], u64 *seed);
