// SPDX-License-Identifier: MPL-2.0
/**
 * The generator: a base key that all entropy goes into, and keys per CPU that are drawn from it.
 *
 * Each use of a key makes a block of which one half replaces the key. A CPU draws a new key when the base has been reseeded since, which
 * happens once a minute (and often at first) with what interrupts and the processor's own generator have brought meanwhile.
 *
 * Source: D. J. Bernstein, "Fast-key-erasure random-number generators" (2017); the shape is Linux' drivers/char/random.c.
 */
#include <cadre/atomic.h>
#include <cadre/boot.h>
#include <cadre/cpu.h>
#include <cadre/spin.h>
#include <cadre/time.h>

#include "random_impl.h"

enum : u64 { RESEED_NS = 60 * NS_PER_SEC, RESEED_FIRST_NS = NS_PER_SEC };
enum : u32 { JITTER_ROUNDS = 1024, SEED_WORDS = 8, INITRD_SAMPLE = 4096 };

static struct spin_lock base_lock;
static struct chacha_key base GUARDED_BY(&base_lock);
static struct atomic64 generation;      /* of the base; changes under base_lock */
static struct atomic64 due_ns;          /* when the base is to be reseeded */
static struct atomic64 stirred[4];      /* what interrupts brought */
static struct atomic32 stirs;

struct random_cpu { struct chacha_key key; u64 generation; };
CPU_LOCAL_DEFINE(random_cpu, random_cpu);

/** Draws from a key: its new value, and 32 bytes for the caller. */
static struct chacha_key
key_draw(struct chacha_key *scoped key)
{
	struct chacha_block block = chacha_block(key, 0);
	struct chacha_key out = {};
	for (u32 i = 0; i < CHACHA_KEY; i++) {
		key->word[i] = block.word[i];
		out.word[i] = block.word[CHACHA_KEY + i];
	}
	return out;
}

static void
base_add_locked(struct cbytes text) MUST_HOLD(&base_lock)
{
	for (size_t at = 0; at < cbytes_len(text); at += sizeof(struct chacha_key)) {
		struct chacha_key input = {};
		size_t n = MIN(cbytes_len(text) - at, sizeof(input));
		bytes_copy(BYTES_OF(input), cbytes_sub(text, at, n));
		for (u32 i = 0; i < CHACHA_KEY; i++)
			base.word[i] ^= input.word[i];
		(void)key_draw(&base);
	}
}

void
generator_add(struct cbytes text)
{
	SPIN_SCOPE(&base_lock);
	base_add_locked(text);
}

/** What is at hand at any time: the processor's generator, the clock, what interrupts left. */
static void
base_gather_locked(void) MUST_HOLD(&base_lock)
{
	u64 seed[SEED_WORDS] = {};
	for (u32 i = 0; i < SEED_WORDS; i++) {
		if (!cpu_random(ELEM(seed, i)))
			seed[i] = 0;
		seed[i] ^= clock_now() ^ atomic64_load_relaxed(ELEM(stirred, i % COUNTOF(stirred)));
	}
	base_add_locked(CBYTES_OF(seed));
}

void
generator_reseed(void)
{
	SPIN_SCOPE(&base_lock);
	u64 now = clock_now();
	base_gather_locked();
	atomic64_store(&due_ns, now + (now < RESEED_NS ? RESEED_FIRST_NS : RESEED_NS));
	(void)atomic64_add(&generation, 1);
}

void
random_stir(u64 value)
{
	u32 n = atomic32_add_relaxed(&stirs, 1);
	struct atomic64 *slot = ELEM(stirred, n % COUNTOF(stirred));
	u64 old = atomic64_load_relaxed(slot);
	atomic64_store_relaxed(slot, (old << 7 | old >> 57) ^ value ^ clock_now());
}

/** 32 bytes of this CPU's. */
static struct chacha_key
draw(void)
{
	if (__builtin_expect(clock_now() >= atomic64_load_relaxed(&due_ns), false))
		generator_reseed();
	CPU_LOCAL_SCOPE(cpu, random_cpu);
	u64 now = atomic64_load_acquire(&generation);
	if (__builtin_expect(cpu->generation != now, false)) {
		SPIN_SCOPE(&base_lock);
		cpu->key = key_draw(&base);
		cpu->generation = now;
	}
	struct chacha_key key = cpu->key, out = key_draw(&key);
	cpu->key = key;
	return out;
}

void
random_bytes(struct bytes to)
{
	struct chacha_key key = draw();
	size_t len = bytes_len(to);
	if (len <= sizeof(key))
		return bytes_copy(to, cbytes_sub(CBYTES_OF(key), 0, len));
	u64 counter = 0;
	for (size_t at = 0; at < len; counter++) {
		struct chacha_block block = chacha_block(&key, counter);
		size_t n = MIN(len - at, sizeof(block));
		bytes_copy(bytes_from(to, at), cbytes_sub(CBYTES_OF(block), 0, n));
		at += n;
	}
}

u64
random_u64(void)
{
	u64 value = 0;
	random_bytes(BYTES_OF(value));
	return value;
}

u64
random_below(u64 limit)
{
	if (limit == 0)
		return 0;
	/* The top part that would make small results likelier is drawn again. */
	u64 top = ~(u64)0 - ~(u64)0 % limit, value = random_u64();
	while (value >= top)
		value = random_u64();
	return value % limit;
}

/** Where the processor has no generator: how long the clock takes to be read, a thousand times. */
static void
jitter_add(void)
{
	u64 times[16] = {};
	for (u32 i = 0; i < JITTER_ROUNDS; i++) {
		times[i % COUNTOF(times)] ^= clock_now() << i % 48;
		if (i % COUNTOF(times) == COUNTOF(times) - 1)
			generator_add(CBYTES_OF(times));
	}
}

/** What differs from machine to machine and from boot to boot. */
static void
boot_add(void)
{
	u8 text[256] = {};
	u64 when[2] = { clock_boot_realtime(), boot_initrd_len() };
	generator_add(CBYTES_OF(when));
	size_t len = boot_cmdline(BYTES_OF(text));
	generator_add(cbytes_sub(CBYTES_OF(text), 0, MIN(len, sizeof(text))));
	for (size_t at = 0; at + sizeof(text) <= MIN(boot_initrd_len(), (size_t)INITRD_SAMPLE); at += sizeof(text)) {
		boot_initrd_read(at, BYTES_OF(text));
		generator_add(CBYTES_OF(text));
	}
}

void
random_start(void)
{
	boot_add();
	jitter_add();
	generator_reseed();
}
