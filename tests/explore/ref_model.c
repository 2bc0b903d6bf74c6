// SPDX-License-Identifier: MPL-2.0
// Counted words (mm/ref.h): exactly one last reference, nobody inside when it goes, no way back from the state after it.
#include <explore.h>
#include <mm/ref.h>

enum : u32 { LIVE = 1, DEAD = 2 };

static u64 word;
static u32 contents, lasts;

static void
let_go(enum ref_kind kind)
{
	enum ref_put put = ref_put(&word, LIVE, kind, ref_word(DEAD, 0, 0));
	EXPLORE_CHECK(put != REF_NONE);
	if (put == REF_LAST) {
		EXPLORE_CHECK(__atomic_fetch_add(&lasts, 1, __ATOMIC_RELAXED) == 0);
		contents = 0xdead;   /* the memory is somebody else's now: a race with any reader that still holds it */
	}
}

static void
setup(void)
{
	word = ref_word(LIVE, 2, 0);
	contents = 1;
}

/** Holds one of the service references from the start. */
static void
holder_thread(void)
{
	EXPLORE_CHECK(contents == 1);
	let_go(REF_SERVICE);
}

/** Looks it up without a reference, as under RCU, and uses it where it is live. */
static void
lookup_thread(void)
{
	if (!ref_get(&word, LIVE, REF_FRAMEWORK))
		return;
	EXPLORE_CHECK(contents == 1);
	let_go(REF_FRAMEWORK);
}

static void
finish(void)
{
	EXPLORE_CHECK(lasts == 1 && word == ref_word(DEAD, 0, 0));
}

MODEL(ref_holders, .setup = setup, .threads = { holder_thread, holder_thread, lookup_thread }, .finish = finish);
MODEL(ref_lookups, .setup = setup, .threads = { holder_thread, holder_thread, lookup_thread, lookup_thread }, .finish = finish);

/* A count at its limit stays there, whoever counts. */
static void
setup_saturated(void)
{
	word = ref_word(LIVE, REF_MAX - 1, 0);
}

static void
saturating_thread(void)
{
	EXPLORE_CHECK(ref_get(&word, LIVE, REF_SERVICE));
	EXPLORE_CHECK(ref_get(&word, LIVE, REF_SERVICE));
	EXPLORE_CHECK(ref_put(&word, LIVE, REF_SERVICE, ref_word(DEAD, 0, 0)) == REF_LEFT);
}

static void
finish_saturated(void)
{
	EXPLORE_CHECK(word == ref_word(LIVE, REF_MAX, 0));
}

MODEL(ref_saturates, .setup = setup_saturated, .threads = { saturating_thread, saturating_thread }, .finish = finish_saturated);

/* A claim: of any number of CPUs that were given the same free frame, one gets it. */
static u32 claimed;

static void
setup_claim(void)
{
	word = ref_word(0, 0, 0);
}

static void
claiming_thread(void)
{
	if (ref_move(&word, ref_word(0, 0, 0), ref_word(LIVE, 0, 0)))
		claimed++;
}

static void
finish_claim(void)
{
	EXPLORE_CHECK(claimed == 1);
}

MODEL(ref_claim, .setup = setup_claim, .threads = { claiming_thread, claiming_thread, claiming_thread }, .finish = finish_claim);
