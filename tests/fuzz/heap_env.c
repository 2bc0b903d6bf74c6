// SPDX-License-Identifier: MPL-2.0
// The heap for services that run in a fuzzer: the host's, so that ASan sees each object's bounds and end. No reference survives it: a leak is reported.
#include <debug/debug.h>
#include <cadre/object.h>

void *calloc(size_t n, size_t size);
void free(void *p);
[[noreturn]] void abort(void);

struct head { u64 refs; u64 type; };

static struct head *head_of(struct object *object) { return (struct head *)object - 1; }

static struct object *
make(const struct heap_type *type, size_t size)
{
	struct head *head = calloc(1, sizeof(struct head) + size);
	*head = (struct head){ 1, (u64)type };
	return (struct object *)(head + 1);
}

struct object *heap_alloc(const struct heap_type *type) { return make(type, type->size); }

struct object *
heap_alloc_array(const struct heap_type *type, u32 len)
{
	struct object *object = make(type, type->size + (size_t)type->elem_size * len);
	*(u32 *)object = len;   /* struct array's `length` */
	return object;
}

void heap_get(const struct heap_type *type, struct object *object) { (void)heap_downcast(type, object); head_of(object)->refs++; }

void
heap_put(const struct heap_type *type, struct object *object)
{
	(void)heap_downcast(type, object);
	if (--head_of(object)->refs != 0)
		return;
	if (type->release != nullptr)
		type->release(object);
	free(head_of(object));
}

struct object *
heap_downcast(const struct heap_type *type, struct object *object)
{
	if (object == nullptr || head_of(object)->type != (u64)type)
		abort();
	return object;
}

void assert_trap(struct cbytes expression, struct cbytes file, u32 line) { (void)expression, (void)file, (void)line; abort(); }
