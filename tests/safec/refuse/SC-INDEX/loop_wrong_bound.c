/* SC-INDEX: the loop runs one too far. */
static int a[10];
static void set(int *p) { *p = 1; }
void f(void) { for (unsigned i = 0; i <= 10; i++) set(&a[i]); }
