// SPDX-License-Identifier: MPL-2.0
/**
 * LZMA2: chunks of LZMA or plain bytes, decoded into a dictionary that is used as a ring.
 *
 * Source: the LZMA SDK's specification (lzma-specification.txt), and the comment at the head of liblzma's lzma2_decoder.c for the chunks.
 */
#pragma once

#include "stream.h"

struct lzma2;
OBJECT_DECLARE(lzma2);

/** => null: memory is gone. `dictionary` bytes, at least 4096. */
struct lzma2 *lzma2_create(u32 dictionary);
/** Forgets everything: the next chunk must be the first of a block. */
void lzma2_reset(struct lzma2 *lzma2);
/** The dictionary: what lzma2_more says was decoded lies in it. */
struct byte_array *lzma2_window(struct lzma2 *lzma2);
/**
 * Decodes some bytes: [*at, *end) of the window. Equal: the block has ended.
 * => EINVAL: damaged
 */
err_t lzma2_more(struct lzma2 *lzma2, struct input *input, u32 *scoped at, u32 *scoped end);
