// SPDX-License-Identifier: MPL-2.0
/** The text of a service's files before preprocessing: directives, macros, what must not be spelled at all. */
#pragma once

#include "base.h"
#include "files.h"
#include "tokens.h"

/** What the framework's headers define and mention: no service's macro may take such a name. */
struct vocabulary {
	struct set macros;       /**< names of macros */
	struct set identifiers;  /**< every identifier in the text */
};

/** Adds the words of a framework header. */
void vocabulary_read(struct vocabulary *v, const struct file *f);

/** Checks one of the service's files (SC-PREPROC). => false where what follows could not be trusted. */
bool preproc_check(const struct vocabulary *v, const struct file *f, struct tokens *pasted);

/** Checks the macros of the command line. */
void preproc_check_define(const struct vocabulary *v, const char *define);
