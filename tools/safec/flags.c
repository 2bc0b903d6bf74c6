// SPDX-License-Identifier: MPL-2.0
/** Sorts the options of a compile line into taken over, without effect here, and refused. */
#include "flags.h"

#include "report.h"

enum act {
	KEEP,        /* the parser needs it */
	KEEP_VALUE,  /* and the argument after it */
	DROP,        /* changes nothing that is checked */
	DROP_VALUE,
	UNSANITIZE,  /* fine unless it names a check that is part of the language */
	DEFINE,      /* -D, with the macro glued on or in the next argument */
	REFUSE,
};

enum match { EXACT, PREFIX };

struct option {
	const char *text;
	enum match match;
	enum act act;
};

/* The first line that matches decides. What matches none is refused. */
static const struct option options[] = {
	{ "-std=", PREFIX, DROP }, /* always read as gnu23; --check-flags demands it */
	{ "-ansi", EXACT, REFUSE },
	{ "--target=", PREFIX, KEEP },
	{ "-target", EXACT, KEEP_VALUE },
	{ "-I", EXACT, KEEP_VALUE },
	{ "-I", PREFIX, KEEP },
	{ "-iquote", EXACT, KEEP_VALUE },
	{ "-D", PREFIX, DEFINE },
	{ "-nostdinc", EXACT, DROP }, /* the compiler's own stddef.h … would go with it */
	{ "-ffreestanding", EXACT, DROP }, /* always on */
	{ "-fhosted", EXACT, REFUSE },
	{ "-O", PREFIX, KEEP },
	{ "-g", PREFIX, DROP },
	{ "-w", EXACT, DROP },
	{ "-Wa,", PREFIX, REFUSE },
	{ "-Wp,", PREFIX, REFUSE },
	{ "-Wl,", PREFIX, REFUSE },
	{ "-W", PREFIX, DROP },
	{ "-pedantic", PREFIX, DROP },
	{ "-c", EXACT, DROP },
	{ "-S", EXACT, DROP },
	{ "-E", EXACT, DROP },
	{ "-v", EXACT, DROP },
	{ "-pipe", EXACT, DROP },
	{ "-pthread", EXACT, DROP },
	{ "-static", EXACT, DROP },
	{ "-nostdlib", EXACT, DROP },
	{ "-o", EXACT, DROP_VALUE },
	{ "-o", PREFIX, DROP },
	{ "-MF", EXACT, DROP_VALUE },
	{ "-MT", EXACT, DROP_VALUE },
	{ "-MQ", EXACT, DROP_VALUE },
	{ "-MMD", EXACT, DROP },
	{ "-MD", EXACT, DROP },
	{ "-MP", EXACT, DROP },
	{ "-MM", EXACT, DROP },
	{ "-M", EXACT, DROP },
	{ "-mcmodel=", PREFIX, KEEP },
	{ "-mabi=", PREFIX, KEEP },
	{ "-march=", PREFIX, KEEP },
	{ "-mtune=", PREFIX, KEEP },
	{ "-mcpu=", PREFIX, KEEP },
	{ "-m64", EXACT, KEEP },
	{ "-mno-red-zone", EXACT, KEEP },
	{ "-mgeneral-regs-only", EXACT, KEEP },
	{ "-mno-implicit-float", EXACT, DROP },
	{ "-mno-relax", EXACT, KEEP },
	{ "-mno-outline-atomics", EXACT, KEEP },
	{ "-moutline-atomics", EXACT, KEEP },
	{ "-mno-sse", PREFIX, KEEP },
	{ "-mno-mmx", EXACT, KEEP },
	{ "-mno-avx", PREFIX, KEEP },
	{ "-mno-80387", EXACT, KEEP },
	{ "-msoft-float", EXACT, KEEP },
	{ "-mstack-alignment=", PREFIX, DROP },
	{ "-mbranch-protection=", PREFIX, DROP },
	{ "-mstack-protector-guard", PREFIX, DROP },
	{ "-mretpoline", PREFIX, DROP },
	{ "-mharden-sls=", PREFIX, DROP },
	{ "-fsanitize-trap", PREFIX, DROP },
	{ "-fsanitize-coverage=", PREFIX, DROP },
	{ "-fsanitize-cfi-icall-experimental-normalize-integers", EXACT, DROP },
	{ "-fsanitize=", PREFIX, KEEP },
	{ "-fno-sanitize=", PREFIX, UNSANITIZE },
	{ "-fno-sanitize-recover", PREFIX, DROP },
	{ "-fno-sanitize-link-runtime", EXACT, DROP },
	{ "-fwrapv", EXACT, DROP },
	{ "-ftrapv", EXACT, DROP },
	{ "-fno-strict-overflow", EXACT, DROP },
	{ "-fno-strict-aliasing", EXACT, DROP },
	{ "-fno-delete-null-pointer-checks", EXACT, DROP },
	{ "-fno-finite-loops", EXACT, DROP },
	{ "-ftrivial-auto-var-init=zero", EXACT, DROP },
	{ "-fstack-clash-protection", EXACT, DROP },
	{ "-pg", EXACT, DROP },
	{ "-mfentry", EXACT, DROP },
	{ "-fstack-protector", PREFIX, DROP },
	{ "-fno-stack-protector", EXACT, DROP },
	{ "-fstrict-flex-arrays=3", EXACT, KEEP },
	{ "-fno-omit-frame-pointer", EXACT, DROP },
	{ "-mno-omit-leaf-frame-pointer", EXACT, DROP },
	{ "-fomit-frame-pointer", EXACT, DROP },
	{ "-fno-common", EXACT, DROP },
	{ "-fno-builtin", PREFIX, DROP },
	{ "-fno-pic", EXACT, KEEP },
	{ "-fno-pie", EXACT, KEEP },
	{ "-fPIC", EXACT, KEEP },
	{ "-fpic", EXACT, KEEP },
	{ "-fPIE", EXACT, KEEP },
	{ "-fpie", EXACT, KEEP },
	{ "-no-pie", EXACT, DROP },
	{ "-pie", EXACT, DROP },
	{ "-fno-plt", EXACT, DROP },
	{ "-fno-asynchronous-unwind-tables", EXACT, DROP },
	{ "-fasynchronous-unwind-tables", EXACT, DROP },
	{ "-fno-unwind-tables", EXACT, DROP },
	{ "-fno-exceptions", EXACT, DROP },
	{ "-ffunction-sections", EXACT, DROP },
	{ "-fdata-sections", EXACT, DROP },
	{ "-fvisibility=", PREFIX, DROP },
	{ "-fcf-protection", PREFIX, DROP },
	{ "-fmerge-all-constants", EXACT, REFUSE },
	{ "-fno-merge-all-constants", EXACT, DROP },
	{ "-fdiagnostics", PREFIX, DROP },
	{ "-fcolor-diagnostics", EXACT, DROP },
	{ "-fno-color-diagnostics", EXACT, DROP },
	{ "-fansi-escape-codes", EXACT, DROP },
	{ "-fmacro-prefix-map=", PREFIX, DROP },
	{ "-ffile-prefix-map=", PREFIX, DROP },
	{ "-fdebug-prefix-map=", PREFIX, DROP },
	{ "-fzero-call-used-regs=", PREFIX, DROP },
	{ "-fpatchable-function-entry=", PREFIX, DROP },
	{ "-fprofile-instr-generate", PREFIX, DROP },
	{ "-fcoverage-mapping", EXACT, DROP },
	{ "-fno-jump-tables", EXACT, DROP },
	{ "-fno-lto", EXACT, DROP },
	{ "-flto", PREFIX, DROP },
	{ "-fintegrated-as", EXACT, DROP },
	{ "-fno-ident", EXACT, DROP },
	{ "-Qunused-arguments", EXACT, DROP },
};

static const struct option *
option_find(const char *arg)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option *o = &options[i];
		if (o->match == PREFIX ? starts_with(arg, o->text) : strcmp(arg, o->text) == 0)
			return o;
	}
	return nullptr;
}

static void
refuse(const char *arg)
{
	report(SC_FLAGS, COMMAND_LINE, "'%s' is not an option that Safe C admits; leave it out", arg);
}

/** Whether -fno-sanitize= names more than checks that the language can do without. */
static bool
switches_off_a_check(const char *arg)
{
	static names_t optional = {
		"function", "alignment", "pointer-overflow", "null", "object-size", "nonnull-attribute", "vptr", "builtin",
		"returns-nonnull-attribute", "float-cast-overflow", "float-divide-by-zero", nullptr,
	};
	char *list = text_copy(strchr(arg, '=') + 1, strlen(strchr(arg, '=') + 1));
	for (char *c = strtok(list, ","); c != nullptr; c = strtok(nullptr, ","))
		if (!name_in(c, optional))
			return true;
	return false;
}

/** Takes `args[i]`, and what belongs to it. Returns the index of the last argument taken. */
static int
option_take(struct flags *f, int n, char **args, int i)
{
	const struct option *o = option_find(args[i]);
	enum act act = o != nullptr ? o->act : REFUSE;
	bool wants_value = act == KEEP_VALUE || act == DROP_VALUE || (act == DEFINE && args[i][2] == '\0');

	if (act == UNSANITIZE && switches_off_a_check(args[i]))
		act = REFUSE;
	if (act == REFUSE || (wants_value && i + 1 == n)) {
		refuse(args[i]);
		return i;
	}
	if (act == KEEP || act == KEEP_VALUE || act == DEFINE)
		vec_push(&f->parse, args[i]);
	if (wants_value && act != DROP_VALUE)
		vec_push(&f->parse, args[i + 1]);
	if (act == DEFINE)
		vec_push(&f->defines, wants_value ? args[i + 1] : args[i] + 2);
	return i + wants_value;
}

void
flags_read(struct flags *f, int n, char **args)
{
	for (int i = 0; i < n; i++)
		i = option_take(f, n, args, i);
}

/* Options that are part of the language: a unit compiled without one is not the program that was checked. */
static names_t required = {
	"-std=gnu23", "-ffreestanding", "-fno-strict-aliasing", "-fno-delete-null-pointer-checks",
	"-fno-finite-loops", "-ftrivial-auto-var-init=zero", "-fstack-clash-protection", "-fstrict-flex-arrays=3",
	"-fsanitize-trap=all", "-Werror=frame-larger-than", "-Werror=return-type",
	nullptr,
};
static names_t required_checks = {
	"array-bounds", "bool", "integer-divide-by-zero", "shift", "signed-integer-overflow", "unreachable", nullptr,
};
/* What each required option can be undone by: the last one of a family decides. */
static const struct { const char *family, *wanted; } families[] = {
	{ "-std=", "-std=gnu23" },
	{ "-fstrict-flex-arrays=", "-fstrict-flex-arrays=3" },
	{ "-ftrivial-auto-var-init=", "-ftrivial-auto-var-init=zero" },
};

static bool
option_present(const char *wanted, int n, char **args)
{
	for (int i = 0; i < n; i++)
		if (strcmp(args[i], wanted) == 0)
			return true;
	return false;
}

/** Whether some -fsanitize= lists `check` (or the group that contains it). */
static bool
check_present(const char *check, int n, char **args)
{
	for (int i = 0; i < n; i++) {
		if (!starts_with(args[i], "-fsanitize="))
			continue;
		char *list = text_copy(args[i] + strlen("-fsanitize="), strlen(args[i]) - strlen("-fsanitize="));
		for (char *c = strtok(list, ","); c != nullptr; c = strtok(nullptr, ","))
			if (strcmp(c, check) == 0 || (strcmp(c, "bounds") == 0 && strcmp(check, "array-bounds") == 0))
				return true;
	}
	return false;
}

static void
missing(const char *option)
{
	report(SC_OPTIONS, COMMAND_LINE, "%s is missing or undone; it is part of the language: add it", option);
}

static void
families_require(int n, char **args)
{
	for (size_t k = 0; k < COUNT(families); k++) {
		const char *last = families[k].wanted;
		for (int i = 0; i < n; i++)
			if (starts_with(args[i], families[k].family))
				last = args[i];
		if (strcmp(last, families[k].wanted) != 0)
			missing(families[k].wanted);
	}
}

/** The largest stack frame: what the framework counts on (enum stack_reserve), and less than the guard page below a stack. */
constexpr unsigned long FRAME_MAX = 2048;

static void
frame_limit_require(int n, char **args)
{
	static const char option[] = "-Wframe-larger-than";
	bool limited = false;
	for (int i = 0; i < n; i++) {
		if (!starts_with(args[i], option))
			continue;
		const char *number = args[i] + strlen(option);
		size_t digits = *number == '=' ? strspn(number + 1, "0123456789") : 0;
		limited = digits > 0 && digits <= 6 && number[1 + digits] == '\0' && strtoul(number + 1, nullptr, 10) <= FRAME_MAX;
	}
	for (int i = 0; i < n; i++)
		if (starts_with(args[i], "-Wno-frame-larger-than") || starts_with(args[i], "-Wno-error=frame-larger-than"))
			limited = false;
	if (!limited)
		missing(textf("%s=N with N of at most %lu", option, FRAME_MAX));
}

void
flags_require(int n, char **args)
{
	for (size_t i = 0; required[i] != nullptr; i++)
		if (!option_present(required[i], n, args))
			missing(required[i]);
	for (size_t i = 0; required_checks[i] != nullptr; i++)
		if (!check_present(required_checks[i], n, args))
			missing(textf("-fsanitize=%s", required_checks[i]));
	families_require(n, args);
	frame_limit_require(n, args);
	if (option_present("-mcmodel=kernel", n, args) && !option_present("-mfentry", n, args))
		missing("-mfentry");
	if (option_present("-mcmodel=kernel", n, args) && !check_present("kcfi", n, args))
		missing("-fsanitize=kcfi");
	for (int i = 0; i < n; i++)
		if (strcmp(args[i], "-w") == 0)
			report(SC_OPTIONS, COMMAND_LINE, "-w hides the errors that are part of the language; leave it out");
}

void
flags_print_required(void)
{
	for (size_t i = 0; required[i] != nullptr; i++)
		puts(required[i]);
	for (size_t i = 0; required_checks[i] != nullptr; i++)
		printf("-fsanitize=%s\n", required_checks[i]);
	puts("-fsanitize=kcfi and -pg -mfentry with -mcmodel=kernel");
}
