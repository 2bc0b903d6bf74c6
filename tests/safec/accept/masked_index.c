/* an index masked into range. */
struct s { int x; };
static struct s a[16];
static struct s *at(unsigned long i) { return &a[i & 15]; }
static struct s *mod(unsigned i) { return &a[i % 16]; }
int f(unsigned i) { return at(i)->x + mod(i)->x; }
