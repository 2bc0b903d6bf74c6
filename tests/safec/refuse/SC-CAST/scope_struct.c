/* SC-CAST: a struct of the same tag in an inner scope. */
struct s { int *p; };
static struct s g;
unsigned long f(void) { struct s { unsigned long p; }; struct s *q = nullptr; q = &g; return q->p; }
