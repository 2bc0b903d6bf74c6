/* SC-FORBID: a thread's variable. */
static _Thread_local int x;
int f(void) { return x; }
