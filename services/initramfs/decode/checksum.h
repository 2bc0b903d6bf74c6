// SPDX-License-Identifier: MPL-2.0
/** The checksums of compressed formats: of everything so far, from 0 on. */
#pragma once

#include <cadre/slice.h>

/** CRC-32 of gzip and xz (ISO 3309, reflected polynomial edb88320). */
u32 crc32_update(u32 crc, struct cbytes data);
/** CRC-64 of xz (ECMA-182). */
u64 crc64_update(u64 crc, struct cbytes data);

/** XXH64 with seed 0. Source: xxHash's specification, "XXH64 algorithm description". All zeroes, then xxh64_start. */
struct xxh64 { u64 lanes[4]; u64 len; u64 block[4]; u32 filled, unused; };
void xxh64_start(struct xxh64 *scoped state);
void xxh64_update(struct xxh64 *scoped state, struct cbytes data);
u64 xxh64_finish(const struct xxh64 *scoped state);
