// SPDX-License-Identifier: MPL-2.0
/** Sorts files by trust, from their resolved paths. */
#include "files.h"

#include <limits.h>

/* Headers of the compiler that a unit may include: types, limits, no function. */
static names_t resource_headers = {
	"stddef.h", "stdint.h", "stdbool.h", "limits.h", "stdalign.h", "iso646.h", nullptr,
};

static const char *framework_dir;
static const char *home; /* where the headers of the unit's own side must lie; null: anywhere but the system */
static VEC(struct file *) files;

static const char *
resolve(const char *path)
{
	char real[PATH_MAX];
	return path != nullptr && realpath(path, real) != nullptr ? text_copy(real, strlen(real)) : nullptr;
}

/** The directory that holds `path`. */
static const char *
parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == nullptr || slash == path ? "/" : text_copy(path, (size_t)(slash - path));
}

/** The project's folder that the unit belongs to, if it belongs to the project. */
static const char *
home_of(const char *unit)
{
	static names_t folders = { "services", "examples", nullptr };
	if (framework_dir == nullptr || !ends_with(framework_dir, "/framework/include"))
		return nullptr;
	const char *root = parent(parent(framework_dir));
	for (size_t i = 0; folders[i] != nullptr; i++) {
		const char *folder = textf("%s/%s", root, folders[i]);
		if (path_below(unit, folder))
			return folder;
	}
	return nullptr;
}

bool
files_init(const char *framework, const char *unit)
{
	framework_dir = resolve(framework);
	const char *real = resolve(unit);
	home = real != nullptr ? home_of(real) : nullptr;
	return real != nullptr;
}

const char *
files_framework(void)
{
	return framework_dir;
}

static bool
is_resource(const char *real)
{
	const char *base = strrchr(real, '/') + 1;
	return path_below(real, SAFEC_LLVM) && strstr(real, "/clang/") != nullptr &&
	       (name_in(base, resource_headers) || starts_with(base, "__stddef_"));
}

static enum file_kind
classify(const char *real)
{
	if (framework_dir != nullptr && path_below(real, framework_dir))
		return FILE_FRAMEWORK;
	if (is_resource(real))
		return FILE_RESOURCE;
	if (home != nullptr ? !path_below(real, home) : path_below(real, "/usr") && !path_below(real, "/usr/src"))
		return FILE_FOREIGN;
	return FILE_OWN;
}

const struct file *
file_of(const char *name)
{
	for (size_t i = 0; i < files.n; i++)
		if (strcmp(files.at[i]->name, name) == 0)
			return files.at[i];
	struct file *f = must_alloc(sizeof *f);
	f->name = text_copy(name, strlen(name));
	f->real = name[0] == '<' ? nullptr : resolve(name);
	f->kind = f->real != nullptr ? classify(f->real) : name[0] == '<' ? FILE_NONE : FILE_FOREIGN;
	vec_push(&files, f);
	return f;
}
