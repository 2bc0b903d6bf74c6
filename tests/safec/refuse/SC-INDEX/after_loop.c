/* SC-INDEX: after the loop the counter is the bound. */
static int a[10];
int *f(void) { unsigned i; for (i = 0; i < 10; i++) { } return &a[i]; }
