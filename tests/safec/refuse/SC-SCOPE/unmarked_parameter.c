/* SC-SCOPE: to a parameter that may keep it. */
static int *kept;
static void keep(int *p) { kept = p; }
void f(void) { int x = 1; keep(&x); }
