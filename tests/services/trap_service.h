// SPDX-License-Identifier: MPL-2.0
/** A service that does everything wrong that a service can do: each must end it, and nothing else. */
#pragma once

#include <cadre/object.h>

/** How many kinds of trap there are, and the name of each for the report. */
u32 trap_service_kinds(void);

/**
 * Commits trap `kind` in a task of its own, `rounds` times over, with locks held where `locked`. Returns how often it
 * was not contained as it should.
 */
u32 trap_service_in_task(u32 kind, bool locked, u32 rounds);
/** The same in a timer's handler and in a work item. */
u32 trap_service_in_timer(u32 kind);
u32 trap_service_in_work(u32 kind);
/** Reads an object that has been freed, and whose memory may have gone back: returns, or traps and is contained. */
u32 trap_service_dangling(void);

/** For the optimiser's eyes: nothing calls them. */
void trap_service_set(u32 zero, u32 index, u32 shift, i32 largest, struct object *null);
u32 trap_service_sink(void);
