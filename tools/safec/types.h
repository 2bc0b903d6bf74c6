// SPDX-License-Identifier: MPL-2.0
/** Questions about types: what they contain, what may be done with their values. */
#pragma once

#include "tree.h"

CXType canonical(CXType t);
bool is_pointer(CXType t);
bool is_void_pointer(CXType t);
bool is_function(CXType t);
bool is_function_pointer(CXType t);
bool is_array(CXType t);
bool is_record(CXType t);
bool is_integer(CXType t);   /**< bool and enums too */
bool same_type(CXType a, CXType b);
CXType pointee(CXType t);
CXType element(CXType t);

/** Calls visit on every type inside t: itself, elements, fields; not behind pointers. => whether one said yes. */
bool type_any(CXType t, bool (*visit)(CXType t, CXCursor field));

bool contains_pointer(CXType t);
bool contains_scoped(CXType t);
/** Holds something that is not to be copied: an opaque struct, a flexible array. */
bool contains_opaque(CXType t);
bool contains_private(CXType t);
bool is_scoped_record(CXType t);
/** Null where the type is plain data (integers, and arrays and structs of them without padding), else the reason. */
const char *why_not_plain(CXType t);
/** Null where a typed heap can hold the type, else the reason. */
const char *why_not_heap(CXType t);
/** Null where a union may have such a member, else the reason. */
const char *why_not_in_union(CXType t);
/** Whether `void *` occurs in the type: also behind pointers and in parameters. */
bool mentions_void_pointer(CXType t);
bool mentions_unprototyped(CXType t);
bool mentions_variadic(CXType t);
/** Whether a pointer to an array without a bound occurs. */
bool mentions_unbounded(CXType t);
