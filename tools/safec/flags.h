// SPDX-License-Identifier: MPL-2.0
/**
 * The compile line: which options a unit may be compiled with, and which it must be compiled with.
 *
 * Unknown options are refused: one that changes what C means would change what the checks mean.
 */
#pragma once

#include "base.h"

/** What the checker takes over from the compile line into its own parses. */
struct flags {
	VEC(const char *) parse;      /**< language, target, macros, search path: for the parser */
	VEC(const char *) defines;    /**< NAME or NAME=BODY of each -D */
};

/** Sorts the options of a compile line. Reports (SC-FLAGS) those that Safe C does not admit. */
void flags_read(struct flags *f, int n, char **args);

/** Reports (SC-OPTIONS) each option that is part of the language and is missing or not in force. */
void flags_require(int n, char **args);

/** Prints the options that are part of the language, one a line. */
void flags_print_required(void);
