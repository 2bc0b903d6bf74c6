// SPDX-License-Identifier: MPL-2.0
/**
 * The LZMA2 decoder: a range decoder with adaptive bits, whose probabilities lie in one array.
 *
 * Indices into that array are masked, so that no check is left of them; the range decoder's registers are a local of the loop.
 */
#include "lzma.h"

enum : u32 {
	PROB_BITS = 11, PROB_START = 1 << (PROB_BITS - 1), PROB_SHIFT = 5, RANGE_TOP = 1 << 24,
	STATES = 12, LITERAL_STATES = 7, POSITION_STATES = 16,
	LENGTH_MIN = 2, SLOTS = 64, SLOTS_DIRECT = 4, SLOTS_MODELLED = 14, ALIGN_BITS = 4,
	CHUNK = 65536,                      /* handed on at a time, at most */
};

/** Where the probabilities of each kind of decision start. */
enum : u32 {
	P_MATCH = 0, P_REP = P_MATCH + STATES * POSITION_STATES, P_REP0 = P_REP + STATES, P_REP1 = P_REP0 + STATES, P_REP2 = P_REP1 + STATES,
	P_REP0_LONG = P_REP2 + STATES, P_SLOT = P_REP0_LONG + STATES * POSITION_STATES, P_DISTANCE = P_SLOT + 4 * SLOTS, P_ALIGN = P_DISTANCE + 128,
	P_MATCH_LEN = P_ALIGN + 16, P_REP_LEN = P_MATCH_LEN + 514, P_LITERAL = 2048, P_COUNT = 16384, P_MASK = P_COUNT - 1,
	/* in each of the two sets for lengths */
	LEN_CHOICE = 0, LEN_CHOICE2 = 1, LEN_LOW = 2, LEN_MID = LEN_LOW + 8 * POSITION_STATES, LEN_HIGH = LEN_MID + 8 * POSITION_STATES,
};
static_assert(P_REP_LEN + 514 <= P_LITERAL && P_LITERAL + 0x300 * 16 <= P_COUNT);

struct range { u32 range, code; };

struct lzma2 {
	u16 probs[P_COUNT];
	struct range range;
	u32 state, rep0, rep1, rep2, rep3;
	u32 lc, literal_mask, position_mask;
	u32 pending;                        /* bytes of a match that did not fit */
	struct byte_array *window;          /* counted: the dictionary */
	u32 size, at;                       /* its length; where the next byte goes */
	u64 position;                       /* bytes since the dictionary was reset */
	/* the chunk */
	u32 unpacked;                       /* bytes that it still gives */
	u64 packed_end;                     /* offset in the input where it ends */
	bool is_lzma, need_dictionary, need_properties, need_state;
};

static void
lzma2_release(struct lzma2 *lzma2)
{
	if (lzma2->window != nullptr)
		byte_array_put(lzma2->window);
}
OBJECT_DEFINE_RELEASE(lzma2);

struct lzma2 *
lzma2_create(u32 dictionary)
{
	REF_SCOPE(lzma2, lzma2);
	lzma2 = lzma2_alloc();
	if (lzma2 == nullptr)
		return nullptr;
	lzma2->size = MAX(dictionary, (u32)4096);
	lzma2->window = byte_array_alloc(lzma2->size);
	if (lzma2->window == nullptr)
		return nullptr;
	lzma2_reset(lzma2);
	struct lzma2 *made = lzma2;
	lzma2 = nullptr;
	return made;
}

void
lzma2_reset(struct lzma2 *lzma2)
{
	lzma2->need_dictionary = lzma2->need_properties = lzma2->need_state = true;
	lzma2->unpacked = lzma2->pending = lzma2->at = 0;
	lzma2->position = 0;
}

struct byte_array *
lzma2_window(struct lzma2 *lzma2)
{
	return lzma2->window;
}

static err_t
damaged(struct cbytes what)
{
	log_error("xz: {}", what);
	return EINVAL;
}

static inline void
range_normalize(struct range *scoped rc, struct input *input)
{
	if (rc->range < RANGE_TOP) {
		rc->range <<= 8;
		rc->code = rc->code << 8 | input_byte(input);
	}
}

/** One bit by probability `i`, which learns from it. */
static inline u32
range_bit(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 i)
{
	u32 prob = lzma2->probs[i & P_MASK], bound = 0;
	range_normalize(rc, input);
	bound = (rc->range >> PROB_BITS) * prob;
	if (rc->code < bound) {
		rc->range = bound;
		lzma2->probs[i & P_MASK] = (u16)(prob + (((1u << PROB_BITS) - prob) >> PROB_SHIFT));
		return 0;
	}
	rc->range -= bound;
	rc->code -= bound;
	lzma2->probs[i & P_MASK] = (u16)(prob - (prob >> PROB_SHIFT));
	return 1;
}

/** `n` bits, the highest first, each with a probability of its own by those before it. */
static u32
range_tree(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 base, u32 n)
{
	u32 symbol = 1;
	for (u32 i = 0; i < n; i++)
		symbol = symbol << 1 | range_bit(rc, input, lzma2, base + symbol);
	return symbol - (1u << n);
}

/** The same, the lowest first. */
static u32
range_tree_reverse(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 base, u32 n)
{
	u32 symbol = 1, value = 0;
	for (u32 i = 0; i < n; i++) {
		u32 bit = range_bit(rc, input, lzma2, base + symbol);
		symbol = symbol << 1 | bit;
		value |= bit << i;
	}
	return value;
}

/** `n` bits, each as likely as not. */
static u32
range_direct(struct range *scoped rc, struct input *input, u32 n)
{
	u32 value = 0;
	for (; n > 0; n--) {
		range_normalize(rc, input);
		rc->range >>= 1;
		u32 bit = rc->code >= rc->range;
		rc->code -= bit != 0 ? rc->range : 0;
		value = value << 1 | bit;
	}
	return value;
}

/** The byte `distance` + 1 before `at`. */
static inline u8
window_byte(const struct lzma2 *lzma2, struct byte_array *window, u32 at, u32 distance)
{
	return window->items[at > distance ? at - distance - 1 : at + lzma2->size - distance - 1];
}

static u8
literal_decode(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 at, u64 position)
{
	struct byte_array *window = lzma2->window;
	u8 before = position > 0 ? window_byte(lzma2, window, at, 0) : 0;
	u32 base = P_LITERAL + 0x300 * (((u32)position & lzma2->literal_mask) << lzma2->lc | before >> (8 - lzma2->lc)), symbol = 1;
	if (lzma2->state >= LITERAL_STATES) {
		/* After a match the byte that it would go on with is a hint, as long as the bits agree. */
		u32 match = window_byte(lzma2, window, at, lzma2->rep0), agree = 0x100;
		while (symbol < 0x100) {
			match <<= 1;
			u32 hint = match & agree, bit = range_bit(rc, input, lzma2, base + agree + hint + symbol);
			symbol = symbol << 1 | bit;
			agree &= bit != 0 ? hint : ~hint;
		}
	}
	while (symbol < 0x100)
		symbol = symbol << 1 | range_bit(rc, input, lzma2, base + symbol);
	return (u8)symbol;
}

static u32
length_decode(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 base, u32 position_state)
{
	if (range_bit(rc, input, lzma2, base + LEN_CHOICE) == 0)
		return LENGTH_MIN + range_tree(rc, input, lzma2, base + LEN_LOW + 8 * position_state, 3);
	if (range_bit(rc, input, lzma2, base + LEN_CHOICE2) == 0)
		return LENGTH_MIN + 8 + range_tree(rc, input, lzma2, base + LEN_MID + 8 * position_state, 3);
	return LENGTH_MIN + 16 + range_tree(rc, input, lzma2, base + LEN_HIGH, 8);
}

static u32
distance_decode(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 len)
{
	u32 slot = range_tree(rc, input, lzma2, P_SLOT + SLOTS * MIN(len - LENGTH_MIN, (u32)3), 6);
	if (slot < SLOTS_DIRECT)
		return slot;
	u32 n = (slot >> 1) - 1, distance = (2 | (slot & 1)) << n;
	if (slot < SLOTS_MODELLED)
		return distance + range_tree_reverse(rc, input, lzma2, P_DISTANCE + distance - slot, n);
	distance += range_direct(rc, input, n - ALIGN_BITS) << ALIGN_BITS;
	return distance + range_tree_reverse(rc, input, lzma2, P_ALIGN, ALIGN_BITS);
}

/** A match at one of the last four distances. => its length, 1 for a single byte */
static u32
repeat_decode(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 position_state)
{
	u32 state = lzma2->state;
	if (range_bit(rc, input, lzma2, P_REP0 + state) == 0) {
		if (range_bit(rc, input, lzma2, P_REP0_LONG + state * POSITION_STATES + position_state) == 0) {
			lzma2->state = state < LITERAL_STATES ? 9 : 11;
			return 1;
		}
	} else {
		u32 distance = lzma2->rep1;
		if (range_bit(rc, input, lzma2, P_REP1 + state) != 0) {
			distance = lzma2->rep2;
			if (range_bit(rc, input, lzma2, P_REP2 + state) != 0) {
				distance = lzma2->rep3;
				lzma2->rep3 = lzma2->rep2;
			}
			lzma2->rep2 = lzma2->rep1;
		}
		lzma2->rep1 = lzma2->rep0;
		lzma2->rep0 = distance;
	}
	lzma2->state = state < LITERAL_STATES ? 8 : 11;
	return length_decode(rc, input, lzma2, P_REP_LEN, position_state);
}

static u32
match_decode(struct range *scoped rc, struct input *input, struct lzma2 *lzma2, u32 position_state)
{
	u32 state = lzma2->state;
	if (range_bit(rc, input, lzma2, P_REP + state) != 0)
		return repeat_decode(rc, input, lzma2, position_state);
	lzma2->rep3 = lzma2->rep2;
	lzma2->rep2 = lzma2->rep1;
	lzma2->rep1 = lzma2->rep0;
	lzma2->state = state < LITERAL_STATES ? 7 : 10;
	u32 len = length_decode(rc, input, lzma2, P_MATCH_LEN, position_state);
	lzma2->rep0 = distance_decode(rc, input, lzma2, len);
	return len;
}

/** As much of the pending match as fits before `limit`. => where the next byte goes */
static u32
match_copy(struct lzma2 *lzma2, u32 at, u32 limit)
{
	struct byte_array *window = lzma2->window;
	u32 n = MIN(lzma2->pending, limit - at), distance = lzma2->rep0;
	lzma2->pending -= n;
	if (n >= 16 && distance + 1 >= n && at > distance) {
		struct bytes all = byte_array_bytes(window);
		bytes_copy(bytes_sub(all, at, n), bytes_const(bytes_sub(all, at - distance - 1, n)));
		return at + n;
	}
	for (; n > 0; n--, at++)
		window->items[at] = window_byte(lzma2, window, at, distance);
	return at;
}

/** Decodes up to place `limit` of the window. */
static err_t
lzma_decode(struct lzma2 *lzma2, struct input *input, u32 limit)
{
	struct range rc = lzma2->range;
	struct byte_array *window = lzma2->window;
	u32 start = lzma2->at, at = match_copy(lzma2, start, limit);
	u64 base = lzma2->position - start;
	while (at < limit) {
		u32 position_state = (u32)(base + at) & lzma2->position_mask;
		if (range_bit(&rc, input, lzma2, P_MATCH + lzma2->state * POSITION_STATES + position_state) == 0) {
			window->items[at] = literal_decode(&rc, input, lzma2, at, base + at);
			at++;
			lzma2->state = lzma2->state < 4 ? 0 : lzma2->state < 10 ? lzma2->state - 3 : lzma2->state - 6;
			continue;
		}
		lzma2->pending = match_decode(&rc, input, lzma2, position_state);
		if (lzma2->rep0 >= base + at || lzma2->rep0 >= lzma2->size)
			return damaged(TEXT("a distance before the start"));
		at = match_copy(lzma2, at, limit);
	}
	range_normalize(&rc, input);
	lzma2->range = rc;
	lzma2->position += at - start;
	lzma2->at = at;
	return OK;
}

static void
state_reset(struct lzma2 *lzma2)
{
	for (u32 i = 0; i < P_COUNT; i++)
		lzma2->probs[i] = PROB_START;
	lzma2->state = lzma2->rep0 = lzma2->rep1 = lzma2->rep2 = lzma2->rep3 = 0;
	lzma2->need_state = false;
}

static err_t
properties_set(struct lzma2 *lzma2, u32 properties)
{
	u32 lc = properties % 9, lp = properties / 9 % 5, pb = properties / 45;
	if (pb > 4 || lc + lp > 4)
		return damaged(TEXT("there are no such properties"));
	lzma2->lc = lc;
	lzma2->literal_mask = (1u << lp) - 1;
	lzma2->position_mask = (1u << pb) - 1;
	lzma2->need_properties = false;
	return OK;
}

static u32
u16_take(struct input *input)
{
	u32 high = input_byte(input);
	return high << 8 | input_byte(input);
}

static err_t
lzma_chunk_start(struct lzma2 *lzma2, struct input *input, u32 control)
{
	u32 reset = control >> 5 & 3;
	lzma2->unpacked = (((control & 31) << 16) | u16_take(input)) + 1;
	u32 packed = u16_take(input) + 1;
	if (reset >= 2)
		TRY(properties_set(lzma2, input_byte(input)));
	if (reset >= 1)
		state_reset(lzma2);
	if (lzma2->need_properties || lzma2->need_state || packed < 5)
		return damaged(TEXT("a chunk lacks its properties"));
	lzma2->packed_end = input_offset(input) + packed;
	(void)input_byte(input);
	lzma2->range.range = ~(u32)0;
	lzma2->range.code = u16_take(input) << 16;
	lzma2->range.code |= u16_take(input);
	lzma2->is_lzma = true;
	return OK;
}

/** Reads a chunk's head. *ended: it was the end mark. */
static err_t
chunk_start(struct lzma2 *lzma2, struct input *input, bool *scoped ended)
{
	u32 control = input_byte(input);
	*ended = control == 0 && input->overrun == 0;
	if (*ended)
		return OK;
	if (control == 1 || control >= 0xe0) {
		lzma2->position = 0;
		lzma2->at = 0;
		lzma2->need_dictionary = false;
	}
	if (input->overrun != 0 || lzma2->need_dictionary || (control > 2 && control < 0x80))
		return damaged(TEXT("a chunk is of no kind that there is"));
	if (control >= 0x80)
		return lzma_chunk_start(lzma2, input, control);
	lzma2->unpacked = u16_take(input) + 1;
	lzma2->is_lzma = false;
	return OK;
}

static err_t
plain_copy(struct lzma2 *lzma2, struct input *input, u32 limit)
{
	u32 n = limit - lzma2->at;
	if (input_read(input, bytes_sub(byte_array_bytes(lzma2->window), lzma2->at, n)) < n)
		return damaged(TEXT("the data is cut off"));
	lzma2->at = limit;
	lzma2->position += n;
	return OK;
}

static err_t
chunk_finish(const struct lzma2 *lzma2, const struct input *input)
{
	if (lzma2->is_lzma && (lzma2->range.code != 0 || lzma2->pending != 0 || input_offset(input) != lzma2->packed_end))
		return damaged(TEXT("a chunk does not end where it should"));
	return OK;
}

err_t
lzma2_more(struct lzma2 *lzma2, struct input *input, u32 *scoped at, u32 *scoped end)
{
	bool ended = false;
	*at = *end = lzma2->at;
	if (lzma2->unpacked == 0)
		TRY(chunk_start(lzma2, input, &ended));
	if (ended)
		return OK;
	if (lzma2->at == lzma2->size)
		lzma2->at = 0;
	*at = lzma2->at;
	*end = *at + MIN(MIN(lzma2->unpacked, lzma2->size - *at), (u32)CHUNK);
	TRY(lzma2->is_lzma ? lzma_decode(lzma2, input, *end) : plain_copy(lzma2, input, *end));
	if (input->overrun != 0)
		return damaged(TEXT("the data is cut off"));
	lzma2->unpacked -= *end - *at;
	return lzma2->unpacked == 0 ? chunk_finish(lzma2, input) : OK;
}
