// SPDX-License-Identifier: MPL-2.0
/**
 * Containment: what happens to a service that traps.
 *
 * A trap (bounds, null, overflow, division, assertion, stack overflow, a call against its contract) is logged with
 * file, line and back trace. A task that traps ends (TASK_TRAPPED): the spin locks, mutexes and rw locks it held are
 * released and poisoned, its read sections and cursors ended. A handler of an interrupt, timer or policy that
 * traps is abandoned at that point and not called again (policy: replaced by the framework's plain fallback). The rest
 * runs on.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/slice.h>

struct object;
typedef void contained_fn(struct object *arg);
/**
 * Runs fn(arg), a trap in which ends only fn. Nests. fn releases what it takes and does not end the task: else it traps.
 * => true: it returned; false: it trapped (locks it took were released and poisoned).
 */
bool contain_call(contained_fn *fn, struct object *arg);
u64 contain_count(void);    /**< traps contained since boot */
/** Stops the calling service on purpose, like assert. */
NORETURN void contain_trap(struct cbytes reason);
