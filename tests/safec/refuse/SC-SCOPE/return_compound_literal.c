/* SC-SCOPE: the address of a compound literal. */
struct s { int a, b; };
struct s *f(void) { return &(struct s){ 1, 2 }; }
