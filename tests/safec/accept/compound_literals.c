/* compound literals in expressions. */
#include <cadre/safe.h>
struct key { int a, b; };
static int hash(const struct key *scoped k) { return k->a * 31 + k->b; }
int f(int a) { struct key k; k = (struct key){ .a = a }; return hash(&k) + hash(&(struct key){ a, 2 }); }
