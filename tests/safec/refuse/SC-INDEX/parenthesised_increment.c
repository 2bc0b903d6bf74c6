/* SC-INDEX: (a[i])++. */
static int a[10];
void f(int i) { (a[i])++; }
