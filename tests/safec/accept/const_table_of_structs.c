/* a table searched. */
struct pair { const char *name; int value; };
static const struct pair pairs[] = { { "a", 1 }, { "b", 2 }, { nullptr, 0 } };
int value_of(int key)
{
	for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		const struct pair *p = &pairs[i];
		if (p->name != nullptr && p->value == key)
			return p->value;
	}
	return -1;
}
