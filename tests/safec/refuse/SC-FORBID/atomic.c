/* SC-FORBID: _Atomic. */
static _Atomic int x;
int f(void) { return x++; }
