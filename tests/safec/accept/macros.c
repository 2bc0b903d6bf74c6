/* macros of a service's own. */
#define SQUARE(x) ((x) * (x))
#define FIELD(name) int field_##name
#define STRING(x) #x
#define FOR_EACH(i, n) for (int i = 0; i < (n); i++)
struct s { FIELD(one); FIELD(two); };
const char *f(struct s *p) { FOR_EACH(i, 3) p->field_one += SQUARE(i); return STRING(hello); }
#undef SQUARE
