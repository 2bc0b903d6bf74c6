// SPDX-License-Identifier: MPL-2.0
/**
 * The vocabulary of Safe C: the marks by which `safec` knows what a declaration promises.
 *
 * A mark changes no code: it is a tag that the compiler hands on to the debugger alone. Framework headers put them on
 * declarations; services may use `scoped` alone. What each mark means is the contract between this file, tools/safec/ and
 * docs/safe-c.md.
 */
#pragma once

/**
 * On a pointer parameter: the callee may dereference it and pass it on to `scoped` parameters, and
 * keeps it nowhere once it has returned. Only such parameters accept the address of a local.
 */
#define scoped __attribute__((btf_decl_tag("cadre:scoped")))

/** On a struct: its values live in locals and parameters only (slices, cursors, guards). */
#define SCOPED_TYPE __attribute__((btf_decl_tag("cadre:scoped_type")))

/** On a field, function, variable or struct: only framework headers may name it. */
#define PRIVATE __attribute__((btf_decl_tag("cadre:private")))

/**
 * On a struct: no service copies, assigns or initialises it (other than to all zeroes), by itself
 * or inside another struct. Locks, atomics, array headers: what a torn or stale copy would break.
 */
#define OPAQUE __attribute__((btf_decl_tag("cadre:opaque")))

/** On a function: the pointer it returns lives no longer than its shortest-lived scoped argument. */
#define RETURNS_SCOPED __attribute__((btf_decl_tag("cadre:returns_scoped")))

/**
 * On a pointer parameter: the object behind it must be plain data: integers, and arrays and structs
 * of them, without padding, pointer, bool or enum, whatever the parameter's own type is.
 */
#define PLAIN __attribute__((btf_decl_tag("cadre:plain")))

/**
 * On a pointer parameter: the object behind it must be of a type that a typed heap can hold: complete, no scoped
 * type inside, all zeroes a valid value.
 */
#define HEAP_TYPE __attribute__((btf_decl_tag("cadre:heap_type")))

/** Thread-safety marks (clang's -Wthread-safety, an error in this tree). */
#define CAPABILITY(name)      __attribute__((capability(name)))
#define SCOPED_CAPABILITY     __attribute__((scoped_lockable))
#define GUARDED_BY(lock)      __attribute__((guarded_by(lock)))
#define PT_GUARDED_BY(lock)   __attribute__((pt_guarded_by(lock)))
#define ACQUIRED_BEFORE(...)  __attribute__((acquired_before(__VA_ARGS__)))
#define MUST_HOLD(...)        __attribute__((requires_capability(__VA_ARGS__)))
#define MUST_HOLD_SHARED(...) __attribute__((requires_shared_capability(__VA_ARGS__)))
#define MUST_NOT_HOLD(...)    __attribute__((locks_excluded(__VA_ARGS__)))
#define ACQUIRES(...)         __attribute__((acquire_capability(__VA_ARGS__)))
#define ACQUIRES_SHARED(...)  __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define TRY_ACQUIRES(...)     __attribute__((try_acquire_capability(__VA_ARGS__)))
#define RELEASES(...)         __attribute__((release_capability(__VA_ARGS__)))
#define RELEASES_SHARED(...)  __attribute__((release_shared_capability(__VA_ARGS__)))
#define RELEASES_ANY(...)     __attribute__((release_generic_capability(__VA_ARGS__)))
#define NO_THREAD_SAFETY(why) __attribute__((no_thread_safety_analysis))

#define NODISCARD [[nodiscard]]
#define NORETURN  [[noreturn]]
