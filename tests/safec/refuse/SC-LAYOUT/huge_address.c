/* SC-LAYOUT: the address of a large struct. */
struct s { char pad[70000]; int x; };
static struct s g;
int f(void) { return (&g)->x; }
