/* a local struct goes down by scoped pointer. */
#include <cadre/safe.h>
struct request { int op; struct request *next; };
static void fill(struct request *scoped r, int op) { r->op = op; r->next = nullptr; }
static int run(const struct request *scoped r) { return r->next == nullptr ? r->op : 0; }
int f(void) { struct request r; fill(&r, 4); struct request *p = &r; p->op++; return run(p); }
