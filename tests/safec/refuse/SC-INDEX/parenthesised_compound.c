/* SC-INDEX: (a[i]) += x. */
static int a[10];
void f(int i) { (a[i]) += 3; }
