// SPDX-License-Identifier: MPL-2.0
/** A service that recurses without end and calls the framework at every depth. */
#pragma once

#include <cadre/object.h>

/** Runs until the stack ends, which traps. */
void depth_service_run(struct object *unused);
/** How deep the last run came, and how many of its calls were begun and have not come back. */
u32 depth_service_reached(void);
u32 depth_service_pending(void);
/** Traps in a frame that is nearly as large as a service's may be. */
void depth_service_trap_widely(struct object *unused);
