// SPDX-License-Identifier: MPL-2.0
/** A service that uses every typed container, as services do. */
#pragma once

#include <cadre/types.h>

/** Runs it; returns the number of things that went wrong. */
u32 container_service_run(void);
