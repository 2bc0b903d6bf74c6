// SPDX-License-Identifier: MPL-2.0
/** The rules. Each looks at one node (or one function, or the tokens) and reports what it refuses. */
#pragma once

#include "tree.h"
#include "types.h"

void rule_casts(struct unit *u, struct node *n);       /**< SC-CAST: conversions to and from pointers */
void rule_arith(struct unit *u, struct node *n);       /**< SC-ARITH: computing with pointers */
void rule_index(struct unit *u, struct node *n);       /**< SC-INDEX: subscripts and decays */
void rule_records(struct unit *u, struct node *n);     /**< SC-UNION, SC-LAYOUT, opaque and scoped types */
void rule_declarations(struct unit *u, struct node *n); /**< types and names of what is declared */
void rule_calls(struct unit *u, struct node *n);       /**< SC-PLAIN, SC-HEAP, SC-FORMAT: marks of parameters */
void rule_names(struct unit *u, struct node *n);       /**< SC-PRIVATE: what is named */
void rule_language(struct unit *u, struct node *n);    /**< SC-FORBID: statements, expressions and types */
void rule_jumps(struct unit *u, struct node *n);       /**< SC-INIT: jumps past a declaration, self-reference */
void rule_function_marks(struct unit *u, struct node *n); /**< SC-SCOPE: marks lost between function types */
void rule_scope(struct unit *u, struct node *n);       /**< SC-SCOPE: whole functions and global initialisers */
void rule_words(struct unit *u);                       /**< SC-BUILTIN, SC-FORBID: single tokens, attributes */

/** Whether `index` is certain to lie in [0, bound): a constant, a bounded loop counter, a value just checked. */
bool index_proved(struct unit *u, struct node *subscript, struct node *index, long long bound);
/** Whether anything in n assigns the variable. */
bool changed_in(const struct node *n, CXCursor variable);
/** Whether the function around n takes the address of the variable. */
bool address_taken(const struct node *n, CXCursor variable);
/** Evaluates an integer constant. */
bool constant_value(const struct node *n, long long *value);

/** The declaration of parameter i of the callee; null cursor where it is not to be seen. */
CXCursor call_parameter(const struct node *call, unsigned i);
/** The declaration through which a call goes: a function, or the variable, field or parameter that points to one. */
CXCursor callee_of(const struct node *call);
