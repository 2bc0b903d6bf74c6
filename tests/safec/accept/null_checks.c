/* the ways of a null pointer. */
#include <stddef.h>
struct s { struct s *next; };
int f(struct s *p, struct s *q)
{
	struct s *a = 0, *b = NULL, *c = nullptr, *d = (void *)0;
	if (!p || p == q || q != NULL)
		return p && q;
	a = p ? p->next : nullptr;
	return a == b || c == d || (bool)p;
}
