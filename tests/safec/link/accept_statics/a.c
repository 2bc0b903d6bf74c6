/* SC-ODR: equal names of static functions and variables. */
static int n;
static int get(int x) { return n + x; }
int fa(void) { return get(1); }
