// SPDX-License-Identifier: MPL-2.0
/** Findings: what was refused, where, and by which rule. Printed once each, in order of place. */
#pragma once

#include "base.h"

enum rule {
	SC_PARSE, SC_FLAGS, SC_OPTIONS, SC_CAST, SC_ARITH, SC_INDEX, SC_UNION, SC_PLAIN, SC_LAYOUT, SC_SCOPE, SC_HEAP,
	SC_INIT, SC_FORBID, SC_BUILTIN, SC_PREPROC, SC_PRIVATE, SC_ODR, SC_FORMAT,
};

/** A place in a file as the user knows it. */
struct place {
	const char *file;
	unsigned line, column;
};
#define COMMAND_LINE ((struct place){ "<command line>", 1, 1 })

[[gnu::format(printf, 3, 4)]] void report(enum rule rule, struct place at, const char *format, ...);

/** Prints all findings on standard error. Returns the exit status: 1 where there is one, else 0. */
int report_print(void);
