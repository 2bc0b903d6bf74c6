// SPDX-License-Identifier: MPL-2.0
/** Type-safe formatting: a format with `{}` directives and an array of tagged arguments. */
#include <cadre/log.h>

/** Text that is being put together: counts everything, keeps what fits. */
struct format_out { struct bytes dst; size_t len; };

static void
format_bytes(struct format_out *out, struct cbytes text)
{
	/* What does not fit is not looked at: a text may claim any length. */
	size_t room = out->len < out->dst.len ? out->dst.len - out->len : 0;

	for (size_t i = 0; i < MIN(text.len, room); i++)
		out->dst.ptr[out->len + i] = text.ptr[i];
	if (__builtin_add_overflow(out->len, text.len, &out->len))
		out->len = ~(size_t)0 >> 1;
}

static void
format_number(struct format_out *out, u64 value, u32 base)
{
	u8 digits[20];
	u32 at = sizeof(digits);

	do
		digits[--at] = (u8)"0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	format_bytes(out, (struct cbytes){ digits + at, sizeof(digits) - at });
}

/** Prints one argument as directive `kind` says: '}' plainly, 'x' or 'c'. A text is a text under each of them. */
static void
format_arg(struct format_out *out, u8 kind, const struct log_arg *arg)
{
	bool negative = arg->kind == LOG_ARG_SIGNED && kind == '}' && (i64)arg->value < 0;
	u8 byte = (u8)arg->value;

	if (arg->kind == LOG_ARG_TEXT)
		return format_bytes(out, (struct cbytes){ arg->text, arg->value });
	if (arg->kind == LOG_ARG_BOOL)
		return format_bytes(out, arg->value != 0 ? TEXT("true") : TEXT("false"));
	if (arg->kind != LOG_ARG_UNSIGNED && arg->kind != LOG_ARG_SIGNED)
		return format_bytes(out, TEXT("?"));
	if (kind == 'c')
		return format_bytes(out, (struct cbytes){ &byte, 1 });
	format_bytes(out, negative ? TEXT("-") : kind == 'x' ? TEXT("0x") : TEXT(""));
	format_number(out, negative ? -arg->value : arg->value, kind == 'x' ? 16 : 10);
}

/** Length of the directive that `format` has at i: 0 for none. */
static size_t
format_directive(struct cbytes format, size_t i)
{
	if (range_exceeds(i, 2, format.len) || format.ptr[i] != '{')
		return 0;
	u8 kind = format.ptr[i + 1];
	bool typed = (kind == 'x' || kind == 'c') && i + 2 < format.len && format.ptr[i + 2] == '}';
	return kind == '}' ? 2 : typed ? 3 : 0;
}

size_t
format_print(struct bytes dst, struct cbytes format, const struct log_arg *args, u32 nargs)
{
	struct format_out out = { dst, 0 };
	u32 used = 0;

	for (size_t i = 0; i < format.len;) {
		size_t directive = format_directive(format, i);
		if (directive == 0)
			format_bytes(&out, (struct cbytes){ format.ptr + i++, 1 });
		else if (used < nargs)
			/* SAFETY: used < nargs, and the macros that make `args` count its elements. */
			format_arg(&out, format.ptr[i + 1], &args[used++]);
		else
			format_bytes(&out, TEXT("{?}"));
		i += directive;
	}
	return out.len;
}
