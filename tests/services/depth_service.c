// SPDX-License-Identifier: MPL-2.0
/**
 * A service that recurses without end and calls the framework at every depth: its stack must end in its own code, never half
 * way through a call.
 */
#include "depth_service.h"
#include <cadre/log.h>
#include <cadre/object.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <cadre/time.h>

struct leaf {
	u32 depth;
};
OBJECT_DECLARE(leaf);
OBJECT_DEFINE(leaf);

static struct {
	struct spin_lock spin;
	struct irq_spin_lock irq_spin;
	struct mutex mutex;
	struct wait_queue queue;
	u32 depth, pending;
} shared;

static void
lock(void)
{
	MUTEX_SCOPE(&shared.mutex);
	SPIN_SCOPE(&shared.spin);
	IRQ_SPIN_SCOPE(&shared.irq_spin);
}

/** Each of these works; `pending` counts those that have not come back, but for what is a function of this service first. */
static void
call_framework(void)
{
	struct leaf *leaf = leaf_alloc();
	if (leaf != nullptr)
		leaf_put(leaf);
	lock();
	shared.pending++;
	log_debug("depth {}", shared.depth);
	wake_all(&shared.queue);
	(void)WAIT_UNTIL(&shared.queue, false, WAIT_PLAIN, clock_now());
	task_yield();
	shared.pending--;
}

static u32
descend(u32 depth)
{
	u32 local[4] = {};
	shared.depth = depth;
	call_framework();
	if (depth == ~(u32)0)
		return 0;
	local[depth % 4] = depth;
	u32 below = descend(depth + 1);
	return below + local[below % 4];
}

void
depth_service_run(struct object *unused)
{
	(void)unused;
	shared.pending = 0;
	shared.depth = descend(0);
}

u32
depth_service_reached(void)
{
	return shared.depth;
}

u32
depth_service_pending(void)
{
	return shared.pending;
}

/** Traps with as large a frame as a service can have. */
void
depth_service_trap_widely(struct object *unused)
{
	u8 wide[1960] = {};
	(void)unused;
	shared.pending = (u32)format_text(BYTES_OF(wide), "{}", shared.depth);
	assert(wide[0] == 0);
}
