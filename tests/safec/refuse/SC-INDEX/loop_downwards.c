/* SC-INDEX: a signed counter goes below zero. */
static int a[10];
static void set(int *p) { *p = 1; }
void f(void) { for (int i = 5; i < 10; i--) set(&a[i]); }
