// SPDX-License-Identifier: MPL-2.0
/**
 * Deferred work: a function that a worker task runs soon, where sleeping is allowed.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

struct work;
OBJECT_DECLARE(work);   /* work_get, work_put */
typedef void work_fn(struct object *arg);

/** A work item, not queued; one reference is the caller's. `arg` is not counted. May sleep. => ENOMEM */
err_t work_create(work_fn *fn, struct object *arg, struct work **scoped out);
/**
 * Queues it at this CPU's worker; it runs once, however often it was queued before it began. Any context.
 * => false: already queued, or it has trapped: then it never runs again.
 */
bool work_queue(struct work *work);
/** Waits until it is neither queued nor running. => EDEADLK from its own function. */
err_t work_flush(struct work *work);
