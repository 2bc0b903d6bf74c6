/* SC-ODR: a field whose function pointer has another mark. */
struct ops { int (*get)(int *p); };
static int *kept;
static int keep(int *p) { kept = p; return *kept; }
void fb(struct ops *o) { o->get = keep; }
