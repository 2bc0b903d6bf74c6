// SPDX-License-Identifier: MPL-2.0
/** Type-safe formatting: a format with `{}` directives and an array of tagged arguments. */
#include <cadre/log.h>

/** Text that is being put together: counts everything, keeps what fits. */
struct format_out {
	struct bytes dst;
	size_t len;
};

static void
format_byte(struct format_out *out, u8 byte)
{
	if (out->len < out->dst.len)
		out->dst.ptr[out->len] = byte;
	out->len++;
}

static void
format_bytes(struct format_out *out, const u8 *text, size_t len)
{
	/* What does not fit is not looked at: a text may claim any length. */
	size_t room = out->len < out->dst.len ? out->dst.len - out->len : 0;
	size_t copied = MIN(len, room);
	for (size_t i = 0; i < copied; i++)
		out->dst.ptr[out->len + i] = text[i];
	if (__builtin_add_overflow(out->len, len, &out->len))
		out->len = ~(size_t)0 >> 1;
}

static void
format_number(struct format_out *out, u64 value, u32 base)
{
	u8 digits[20];
	u32 n = 0;

	do {
		digits[n++] = (u8)"0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (n > 0)
		format_byte(out, digits[--n]);
}

static void
format_signed(struct format_out *out, i64 value)
{
	if (value < 0)
		format_byte(out, '-');
	format_number(out, value < 0 ? -(u64)value : (u64)value, 10);
}

static void
format_plain(struct format_out *out, const struct log_arg *arg)
{
	switch (arg->kind) {
	case LOG_ARG_UNSIGNED:
		return format_number(out, arg->value, 10);
	case LOG_ARG_SIGNED:
		return format_signed(out, (i64)arg->value);
	case LOG_ARG_BOOL:
		return arg->value != 0 ? format_bytes(out, (const u8 *)"true", 4) : format_bytes(out, (const u8 *)"false", 5);
	case LOG_ARG_TEXT:
		return format_bytes(out, arg->text, arg->value);
	}
	format_byte(out, '?');
}

/** Prints one argument as directive `kind` says: '}' plainly, 'x' or 'c'. A text is a text under each of them. */
static void
format_arg(struct format_out *out, u8 kind, const struct log_arg *arg)
{
	bool number = arg->kind == LOG_ARG_UNSIGNED || arg->kind == LOG_ARG_SIGNED;

	if (number && kind == 'x') {
		format_bytes(out, (const u8 *)"0x", 2);
		format_number(out, arg->value, 16);
	} else if (number && kind == 'c') {
		format_byte(out, (u8)arg->value);
	} else {
		format_plain(out, arg);
	}
}

/** Length of the directive that `format` has at i: 0 for none. */
static size_t
format_directive(struct cbytes format, size_t i)
{
	if (format.ptr[i] != '{' || i + 1 >= format.len)
		return 0;
	u8 kind = format.ptr[i + 1];
	if (kind == '}')
		return 2;
	return (kind == 'x' || kind == 'c') && i + 2 < format.len && format.ptr[i + 2] == '}' ? 3 : 0;
}

size_t
format_print(struct bytes dst, struct cbytes format, const struct log_arg *args, u32 nargs)
{
	struct format_out out = { dst, 0 };
	u32 used = 0;

	for (size_t i = 0; i < format.len;) {
		size_t directive = format_directive(format, i);
		if (directive == 0)
			format_byte(&out, format.ptr[i++]);
		else if (used < nargs)
			/* SAFETY: used < nargs, and the macros that make `args` count its elements. */
			format_arg(&out, format.ptr[i + 1], &args[used++]);
		else
			format_bytes(&out, (const u8 *)"{?}", 3);
		i += directive;
	}
	return out.len;
}
