// SPDX-License-Identifier: MPL-2.0
/** The marks, as in framework/include/cadre/safe.h, for the corpus. */
#pragma once
#define scoped __attribute__((btf_decl_tag("cadre:scoped")))
#define SCOPED_TYPE __attribute__((btf_decl_tag("cadre:scoped_type")))
#define PRIVATE __attribute__((btf_decl_tag("cadre:private")))
#define OPAQUE __attribute__((btf_decl_tag("cadre:opaque")))
#define RETURNS_SCOPED __attribute__((btf_decl_tag("cadre:returns_scoped")))
#define PLAIN __attribute__((btf_decl_tag("cadre:plain")))
#define HEAP_TYPE __attribute__((btf_decl_tag("cadre:heap_type")))
#define GUARDED_BY(lock) __attribute__((guarded_by(lock)))
