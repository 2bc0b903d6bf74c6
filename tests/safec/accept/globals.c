/* addresses of globals go anywhere. */
struct s { int *p; struct s *self; };
static int g;
static struct s s = { &g, &s };
static int *pointers[2] = { &g, &g };
int *f(struct s *o) { o->p = &g; pointers[1] = o->p; *pointers[0] = 1; return &g; }
