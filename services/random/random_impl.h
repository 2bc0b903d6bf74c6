// SPDX-License-Identifier: MPL-2.0
/** What the files of services/random share. */
#pragma once

#include <cadre/types.h>

#include <random.h>

enum : u32 { CHACHA_KEY = 8, CHACHA_BLOCK = 16 };

struct chacha_key { u32 word[CHACHA_KEY]; };
struct chacha_block { u32 word[CHACHA_BLOCK]; };

/** One block of the ChaCha20 stream (RFC 8439, with a 64-bit counter and no nonce). */
struct chacha_block chacha_block(const struct chacha_key *scoped key, u64 counter);

/** Mixes bytes of unknown worth into the generator. => takes effect with `now`, or at the next reseeding. Sleepless; not in interrupts. */
void generator_add(struct cbytes text);
void generator_reseed(void);
