// SPDX-License-Identifier: MPL-2.0
/**
 * Setting up the FPU of a processor; the rest of its interface is in arch/arch.h.
 */
#pragma once

#include <cadre/types.h>

/** `first`: also finds out the format of the state. Interrupts off. */
void fpu_cpu_init(bool first);
