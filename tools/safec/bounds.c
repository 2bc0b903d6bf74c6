// SPDX-License-Identifier: MPL-2.0
/**
 * Proofs that an index is in range, for the places where the compiler's check is not enough.
 *
 * Known: constants; `x & C`, `x % C`; narrow types; and a local variable, whose address is never taken, under a
 * condition that bounds it (`for (…; i < N; …)`, `if (i < N)`, `i < N && …`, `if (i >= N) return …;` before) and that
 * nothing between the condition and the use changes or jumps into.
 */
#include "rules.h"

bool
constant_value(const struct node *n, long long *value)
{
	if (n == nullptr || !is_expression(n))
		return false;
	CXEvalResult r = clang_Cursor_Evaluate(n->cursor);
	bool known = r != nullptr && clang_EvalResult_getKind(r) == CXEval_Int;
	if (known) {
		*value = clang_EvalResult_getAsLongLong(r);
		known = !clang_EvalResult_isUnsignedInt(r) || *value >= 0;
	}
	if (r != nullptr)
		clang_EvalResult_dispose(r);
	return known;
}

static bool
is_unsigned(CXType t)
{
	enum CXTypeKind k = clang_getCanonicalType(t).kind;
	return k >= CXType_Bool && k <= CXType_UInt128;
}

static bool
is_variable(struct node *n, CXCursor variable)
{
	n = bare(n);
	return n->kind == CXCursor_DeclRefExpr && clang_equalCursors(clang_getCursorReferenced(n->cursor), variable);
}

static bool
node_changes(const struct node *n, CXCursor variable)
{
	bool writes = (is_assignment(n) || is_increment(n)) && is_variable(n->kids.at[0], variable);
	return writes || (is_unary(n, CXUnaryOperator_AddrOf) && is_variable(n->kids.at[0], variable));
}

bool
changed_in(const struct node *n, CXCursor variable)
{
	if (node_changes(n, variable))
		return true;
	for (size_t i = 0; i < n->kids.n; i++)
		if (changed_in(n->kids.at[i], variable))
			return true;
	return false;
}

static bool
takes_address(const struct node *n, CXCursor variable)
{
	if (is_unary(n, CXUnaryOperator_AddrOf) && is_variable(n->kids.at[0], variable))
		return true;
	for (size_t i = 0; i < n->kids.n; i++)
		if (takes_address(n->kids.at[i], variable))
			return true;
	return false;
}

/** Whether control can come to the inside of n other than through its start. */
static bool
is_enterable(const struct node *n)
{
	if (n->kind == CXCursor_LabelStmt || n->kind == CXCursor_CaseStmt || n->kind == CXCursor_DefaultStmt)
		return true;
	for (size_t i = 0; i < n->kids.n; i++) {
		const struct node *below = n->kids.at[i];
		bool own_cases = n->kind == CXCursor_SwitchStmt && i + 1 == n->kids.n && below->kind == CXCursor_CompoundStmt;
		for (size_t j = 0; own_cases && j < below->kids.n; j++) {
			const struct node *s = below->kids.at[j];
			while ((s->kind == CXCursor_CaseStmt || s->kind == CXCursor_DefaultStmt) && s->kids.n > 0)
				s = s->kids.at[s->kids.n - 1];
			if (is_enterable(s))
				return true;
		}
		if (!own_cases && is_enterable(below))
			return true;
	}
	return false;
}

/* What is asked of a condition: that its truth (or its falsehood) puts `variable` into [0, bound). */
struct question {
	const struct unit *unit;
	CXCursor variable;
	long long bound;
	bool truth;
};

struct answer {
	bool below;      /* variable < bound */
	bool not_negative;
};

static struct answer
join(struct answer a, struct answer b)
{
	return (struct answer){ a.below || b.below, a.not_negative || b.not_negative };
}

/** `4 > i` says `i < 4`. */
static enum CXBinaryOperatorKind
mirrored(enum CXBinaryOperatorKind op)
{
	static const enum CXBinaryOperatorKind mirror[] = {
		[CXBinaryOperator_LT] = CXBinaryOperator_GT, [CXBinaryOperator_GT] = CXBinaryOperator_LT,
		[CXBinaryOperator_LE] = CXBinaryOperator_GE, [CXBinaryOperator_GE] = CXBinaryOperator_LE,
	};
	return op >= CXBinaryOperator_LT && op <= CXBinaryOperator_GE ? mirror[op] : CXBinaryOperator_Invalid;
}

/** `variable < n` or, to be false, `variable >= n`. */
static struct answer
ask_comparison(const struct node *n, const struct question *q)
{
	long long value;
	enum CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(n->cursor);
	bool variable_first = is_variable(n->kids.at[0], q->variable);
	if (!variable_first)
		op = mirrored(op);
	if (!is_variable(n->kids.at[!variable_first], q->variable) || !constant_value(n->kids.at[variable_first], &value))
		return (struct answer){ };
	enum CXBinaryOperatorKind less = q->truth ? CXBinaryOperator_LT : CXBinaryOperator_GE;
	enum CXBinaryOperatorKind at_most = q->truth ? CXBinaryOperator_LE : CXBinaryOperator_GT;
	enum CXBinaryOperatorKind at_least = q->truth ? CXBinaryOperator_GE : CXBinaryOperator_LT;
	enum CXBinaryOperatorKind more = q->truth ? CXBinaryOperator_GT : CXBinaryOperator_LE;
	bool below = (op == less && value <= q->bound) || (op == at_most && value < q->bound);
	bool as_unsigned = is_unsigned(n->kids.at[0]->real);
	return (struct answer){ below, (below && as_unsigned) || (op == at_least && value >= 0) ||
		(op == more && value >= -1) };
}

/** What the condition says where it has the asked truth: each side of && when true, of || when false. */
static struct answer
ask(struct node *n, const struct question *q)
{
	n = bare(n);
	if (is_unary(n, CXUnaryOperator_LNot)) {
		struct question inverse = *q;
		inverse.truth = !q->truth;
		return ask(n->kids.at[0], &inverse);
	}
	if (!is_binary(n) || n->kids.n != 2 || changed_in(n, q->variable))
		return (struct answer){ };
	if (is_operator(n, q->truth ? CXBinaryOperator_LAnd : CXBinaryOperator_LOr))
		return join(ask(n->kids.at[0], q), ask(n->kids.at[1], q));
	return ask_comparison(n, q);
}

static bool
leaves(const struct node *n)
{
	if (n->kind == CXCursor_CompoundStmt)
		return n->kids.n > 0 && leaves(kid_last(n));
	return n->kind == CXCursor_ReturnStmt || n->kind == CXCursor_BreakStmt || n->kind == CXCursor_ContinueStmt ||
	       n->kind == CXCursor_GotoStmt;
}

/** The framework's `assert(condition)`: `condition ? (void)0 : assert_trap(…)`. */
static bool
is_assertion(const struct unit *u, const struct node *n)
{
	static names_t traps = { "assert_trap", "bounds_trap", nullptr };
	if (n->kind != CXCursor_ConditionalOperator || !trusted(u, n) || n->kids.n != 3)
		return false;
	const struct node *otherwise = bare(n->kids.at[2]);
	return otherwise->kind == CXCursor_CallExpr && trusted(u, otherwise) && name_in(name_of(callee_of(otherwise)), traps);
}

/** What is known after the statement `if (…) leave;` or `assert(…);` */
static struct answer
ask_statement(struct node *s, const struct question *q)
{
	struct question inverse = *q;
	inverse.truth = false;
	if (s->kind == CXCursor_IfStmt && s->kids.n == 2 && leaves(s->kids.at[1]))
		return ask(s->kids.at[0], &inverse);
	struct node *n = is_expression(s) ? bare(s) : s;
	return is_assertion(q->unit, n) ? ask(n->kids.at[0], q) : (struct answer){ };
}

/** Earlier statements of the block of the form `if (i >= N) leave;`. `at` is the statement that holds the use. */
static struct answer
ask_before(const struct node *block, const struct node *at, const struct question *q)
{
	size_t use = 0;
	struct answer a = { };
	while (use < block->kids.n && block->kids.at[use] != at)
		use++;
	if (use == block->kids.n || changed_in(at, q->variable) || is_enterable(at))
		return a;
	for (size_t i = use; i-- > 0;) {
		struct node *s = block->kids.at[i];
		if (changed_in(s, q->variable) || is_enterable(s))
			break;
		a = join(a, ask_statement(s, q));
	}
	return a;
}

/** The constant that a loop sets its counter to at first. */
static bool
loop_start(const struct node *loop, CXCursor variable, long long *start)
{
	struct node *first = loop->kids.at[0], *init = nullptr;
	if (first->kind == CXCursor_DeclStmt && first->kids.n == 1 && clang_equalCursors(first->kids.at[0]->cursor, variable))
		init = initialiser(first->kids.at[0]);
	else if (is_operator(first, CXBinaryOperator_Assign) && is_variable(first->kids.at[0], variable))
		init = first->kids.at[1];
	return init != nullptr && constant_value(init, start);
}

/** Whether the loop's step only adds (or only subtracts) a constant that is not negative. */
static bool
steps_by(const struct node *next, CXCursor variable, enum CXBinaryOperatorKind op, enum CXUnaryOperatorKind before,
	enum CXUnaryOperatorKind after)
{
	long long step;
	if (next->kids.n == 0 || !is_variable(next->kids.at[0], variable))
		return false;
	if (is_operator(next, op))
		return constant_value(next->kids.at[1], &step) && step >= 0;
	return is_unary(next, before) || is_unary(next, after);
}

/** What the counter's start and step say by themselves: from 0 upwards, or (signed) from below the bound downwards. */
static struct answer
ask_counter(const struct node *loop, const struct question *q)
{
	long long start;
	const struct node *next = loop->kids.at[2];
	CXCursor v = q->variable;
	if (!loop_start(loop, v, &start))
		return (struct answer){ };
	bool up = steps_by(next, v, CXBinaryOperator_AddAssign, CXUnaryOperator_PreInc, CXUnaryOperator_PostInc);
	bool down = steps_by(next, v, CXBinaryOperator_SubAssign, CXUnaryOperator_PreDec, CXUnaryOperator_PostDec);
	return (struct answer){ down && start < q->bound && !is_unsigned(clang_getCursorType(v)), up && start >= 0 };
}

static struct answer
ask_loop(const struct node *loop, const struct node *body, const struct question *q)
{
	if (loop->kids.n != 4 || loop->kids.at[3] != body || changed_in(body, q->variable) || is_enterable(body))
		return (struct answer){ };
	return join(ask(loop->kids.at[1], q), ask_counter(loop, q));
}

/** What the parent says of the variable while control is in its child `n`. */
static struct answer
ask_parent(const struct node *parent, const struct node *n, const struct question *q)
{
	struct question inverse = *q;
	inverse.truth = false;
	bool branches = parent->kind == CXCursor_IfStmt || parent->kind == CXCursor_ConditionalOperator;
	if (parent->kind == CXCursor_CompoundStmt)
		return ask_before(parent, n, q);
	if (parent->kind == CXCursor_ForStmt)
		return ask_loop(parent, n, q);
	if (changed_in(n, q->variable) || is_enterable(n))
		return (struct answer){ };
	if (branches && kid(parent, 1) == n)
		return ask(parent->kids.at[0], q);
	if (branches && kid(parent, 2) == n)
		return ask(parent->kids.at[0], &inverse);
	if (is_operator(parent, CXBinaryOperator_LAnd) && kid(parent, 1) == n)
		return ask(parent->kids.at[0], q);
	if (is_operator(parent, CXBinaryOperator_LOr) && kid(parent, 1) == n)
		return ask(parent->kids.at[0], &inverse);
	return (struct answer){ };
}

static const struct node *
function_of(const struct node *n)
{
	while (n->parent != nullptr && n->kind != CXCursor_FunctionDecl)
		n = n->parent;
	return n;
}

bool
address_taken(const struct node *n, CXCursor variable)
{
	return takes_address(function_of(n), variable);
}

static bool
variable_proved(struct unit *u, struct node *subscript, struct node *index, long long bound)
{
	CXCursor variable = clang_getCursorReferenced(index->cursor);
	struct question q = { u, variable, bound, true };
	struct answer a = { .not_negative = is_unsigned(index->real) };
	if (!is_automatic(variable) || address_taken(subscript, variable))
		return false;
	for (const struct node *n = subscript; n->parent != nullptr; n = n->parent) {
		a = join(a, ask_parent(n->parent, n, &q));
		if (a.below && a.not_negative)
			return true;
	}
	return false;
}

static bool
masked(const struct node *n, long long bound)
{
	long long value;
	if (is_operator(n, CXBinaryOperator_And))
		return (constant_value(n->kids.at[1], &value) || constant_value(n->kids.at[0], &value)) && value >= 0 && value < bound;
	return is_operator(n, CXBinaryOperator_Rem) && is_unsigned(n->real) && constant_value(n->kids.at[1], &value) &&
	       value > 0 && value <= bound;
}

static bool
narrow(CXType t, long long bound)
{
	enum CXTypeKind k = clang_getCanonicalType(t).kind;
	return (k == CXType_Bool && bound > 1) || (k == CXType_UChar && bound > UINT8_MAX) ||
	       (k == CXType_UShort && bound > UINT16_MAX);
}

bool
index_proved(struct unit *u, struct node *subscript, struct node *index, long long bound)
{
	long long value;
	if (constant_value(index, &value))
		return value >= 0 && value < bound;
	index = bare(index);
	if (masked(index, bound) || narrow(index->type, bound))
		return true;
	return index->kind == CXCursor_DeclRefExpr && variable_proved(u, subscript, index, bound);
}
