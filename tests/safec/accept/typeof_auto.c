/* inference of types. */
#define MAX(a, b) ({ auto a_max = (a); auto b_max = (b); a_max > b_max ? a_max : b_max; })
struct s { int x; };
int f(struct s *p) { auto q = p; typeof(p->x) y = q->x; constexpr int z = 3; return MAX(y, z); }
