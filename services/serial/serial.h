// SPDX-License-Identifier: MPL-2.0
/** Serial ports of PCs: 16550 UARTs at COM1 … COM4, as terminals ttyS0 … ttyS3. */
#pragma once

#include <cadre/err.h>

/** Finds the ports and registers their terminals. After tty_init. */
err_t serial_init(void);
