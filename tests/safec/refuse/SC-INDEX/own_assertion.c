/* SC-INDEX: an assertion of a service does not stop. */
static int failures;
#define assert(x) ((x) ? (void)0 : (void)failures++)
static int a[4];
int *f(unsigned i) { assert(i < 4); return &a[i]; }
