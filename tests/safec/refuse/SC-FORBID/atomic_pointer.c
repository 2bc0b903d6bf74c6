/* SC-FORBID: an _Atomic pointer. */
static int *_Atomic p;
int f(void) { return p == nullptr; }
