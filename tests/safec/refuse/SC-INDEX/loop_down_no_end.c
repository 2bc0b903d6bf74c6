/* SC-INDEX: the count down has no lower end. */
static int a[4];
static void set(int *p) { *p = 1; }
void f(int n) { for (int i = 3; n > 0; i--) { set(&a[i]); n--; } }
