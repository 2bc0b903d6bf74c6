// SPDX-License-Identifier: MPL-2.0
/**
 * Scheduling as programs see it: classes, nice values and affinity of threads, over the policy's entities.
 *
 * Source: sched(7).
 */
#pragma once

/** Gives each thread that is made from now on its scheduling: its parent's, or the default one's. */
void sched_init(void);
