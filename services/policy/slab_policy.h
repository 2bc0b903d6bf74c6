// SPDX-License-Identifier: MPL-2.0
/**
 * What the slab policy can be told: to refuse objects on purpose, for tests of what happens then.
 */
#pragma once

#include <cadre/policy.h>

/**
 * From now on one of `every` slots that the framework asks for is refused, spread as if at random; 0: none.
 * Boot option fail_alloc=N. */
void slab_policy_fail(u32 every);
