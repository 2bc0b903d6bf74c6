// SPDX-License-Identifier: MPL-2.0
/**
 * Files and trust: which file a token is written in decides whether it is trusted.
 *
 * Only the resolved real path counts. `#line` and line markers never do; a unit that has one is refused.
 */
#pragma once

#include "base.h"

enum file_kind {
	FILE_OWN,       /**< the unit, and headers of services: checked by every rule */
	FILE_FRAMEWORK, /**< below the framework's include directory: trusted */
	FILE_RESOURCE,  /**< one of the compiler's own headers of types and limits: trusted */
	FILE_FOREIGN,   /**< anything else: refused */
	FILE_NONE,      /**< no file: macros of the compiler, pasted tokens */
};

struct file {
	const char *name;   /**< as opened */
	const char *real;   /**< resolved; null for FILE_NONE */
	enum file_kind kind;
};

/** Sets where the framework's headers and the unit are. => false where the unit cannot be resolved. */
bool files_init(const char *framework, const char *unit);
/** The framework's include directory; null where there is none. */
const char *files_framework(void);
const struct file *file_of(const char *name);
