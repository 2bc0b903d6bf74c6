/* SC-ARITH: past a struct to the next. */
struct s { int x; };
int f(struct s *p) { return (p + 1)->x; }
