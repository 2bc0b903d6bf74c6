/* SC-INDEX: the loop's body moves the counter. */
static int a[10];
static void set(int *p) { *p = 1; }
void f(void) { for (unsigned i = 0; i < 10; i++) { i += 5; set(&a[i]); } }
