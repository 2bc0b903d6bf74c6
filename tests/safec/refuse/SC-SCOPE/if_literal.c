/* SC-SCOPE: a compound literal of an if's own block. */
struct s { int a; };
int f(int c) { struct s *p = nullptr; if (c) p = &(struct s){ 1 }; return p->a; }
