// SPDX-License-Identifier: MPL-2.0
/**
 * Random numbers: one generator for programs and the kernel, never blocking once random_init has run.
 *
 * Any number of callers on any CPU: each CPU has a key of its own, and what was given out cannot be computed from what is kept
 * (fast key erasure, Bernstein 2017).
 */
#pragma once

#include <cadre/err.h>
#include <cadre/slice.h>

/** Fills `to`. Any context but an interrupt handler. */
void random_bytes(struct bytes to);
u64 random_u64(void);
/** Below `limit`, evenly; limit 0: 0. */
u64 random_below(u64 limit);
/** Something that nobody foresees (when an interrupt came). Any context; cheap. */
void random_stir(u64 value);
/** Makes the generator ready; before anybody asks it. */
void random_start(void);
/** Devices random and urandom. After devfs_init. */
err_t random_init(void);
