/* SC-CAST: const dropped through a member. */
struct s { const int x; };
void f(struct s *p) { *(int *)&p->x = 1; }
