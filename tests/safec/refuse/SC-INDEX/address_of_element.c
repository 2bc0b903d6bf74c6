/* SC-INDEX: &a[i] lets one past the end through. */
static int a[10];
static void set(int *p) { *p = 1; }
void f(int i) { set(&a[i]); }
