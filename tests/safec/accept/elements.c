/* the framework's element accessor. */
#include <cadre/fw.h>
struct s { u32 x; };
static struct s table[8];
static u32 m[3][3];
u32 f(u32 i) { struct s *p = ELEM(table, i); p->x = 1; *ELEM(m[1], i) = 2; return ELEM(table, i + 1)->x; }
