/* SC-SCOPE: the address of an element of a local array. */
static int *kept;
void f(void) { int a[4] = { }; kept = &a[2]; }
