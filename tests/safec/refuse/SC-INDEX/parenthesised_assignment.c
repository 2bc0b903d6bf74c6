/* SC-INDEX: (a[i]) = x checks i <= N only. */
static int a[10];
void f(int i) { (a[i]) = 3; }
