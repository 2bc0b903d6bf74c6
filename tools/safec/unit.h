// SPDX-License-Identifier: MPL-2.0
/** Checks one translation unit. */
#pragma once

#include "tree.h"

/** Parses the unit and applies every rule. => reports; the unit may be incomplete afterwards. */
void unit_check(struct unit *u, const char *path, const char *framework, int nflags, char **flags);

/** Writes the unit's summary for `safec --link`. */
void summary_write(struct unit *u, const char *path);
/** Compares the summaries of all units (SC-ODR). */
void link_check(int n, char **paths);
