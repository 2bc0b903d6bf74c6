/* a hash table with chains. */
#include <stdint.h>
#include <stddef.h>
enum { BUCKETS = 64, ENTRIES = 256 };
struct entry { uint32_t key; uint32_t value; struct entry *next; };
static struct entry pool[ENTRIES];
static struct entry *buckets[BUCKETS];
static size_t used;
static uint32_t hash(uint32_t k) { k ^= k >> 16; k *= 0x45d9f3bu; return k ^ (k >> 16); }
static struct entry *entry_new(void)
{
	if (used >= ENTRIES)
		return nullptr;
	size_t i = used++;
	if (i >= ENTRIES)
		return nullptr;
	return &pool[i];
}
int table_put(uint32_t key, uint32_t value)
{
	uint32_t b = hash(key) % BUCKETS;
	for (struct entry *e = buckets[b]; e != nullptr; e = e->next)
		if (e->key == key) {
			e->value = value;
			return 0;
		}
	struct entry *e = entry_new();
	if (e == nullptr)
		return -1;
	e->key = key;
	e->value = value;
	e->next = buckets[b];
	buckets[b] = e;
	return 0;
}
const struct entry *table_get(uint32_t key)
{
	for (const struct entry *e = buckets[hash(key) % BUCKETS]; e; e = e->next)
		if (e->key == key)
			return e;
	return NULL;
}
