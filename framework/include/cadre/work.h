// SPDX-License-Identifier: MPL-2.0
/**
 * Deferred work: a function that a worker task of this CPU runs soon, where sleeping is allowed.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

struct work;
typedef void work_fn(struct object *arg);

/** A work item, not queued; one reference is the caller's. `arg` is not counted. => ENOMEM */
err_t work_create(work_fn *fn, struct object *arg, struct work **scoped out);
/** Queues it on this CPU; it runs once, however often it was queued before it began. Any context. => false: already queued. */
bool work_queue(struct work *work);
/** Waits until it is neither queued nor running. => EDEADLK from its own function. */
err_t work_flush(struct work *work);
void work_get(struct work *work);
void work_put(struct work *work); /* => traps where no service reference is left */
