// SPDX-License-Identifier: MPL-2.0
/** The marks, as in framework/include/cadre/safe.h, for the corpus. */
#pragma once
#define scoped __attribute__((annotate("cadre:scoped")))
#define SCOPED_TYPE __attribute__((annotate("cadre:scoped_type")))
#define PRIVATE __attribute__((annotate("cadre:private")))
#define OPAQUE __attribute__((annotate("cadre:opaque")))
#define RETURNS_SCOPED __attribute__((annotate("cadre:returns_scoped")))
#define PLAIN __attribute__((annotate("cadre:plain")))
#define HEAP_TYPE __attribute__((annotate("cadre:heap_type")))
#define GUARDED_BY(lock) __attribute__((guarded_by(lock)))
