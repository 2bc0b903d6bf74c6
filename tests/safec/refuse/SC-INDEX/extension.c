/* SC-INDEX: __extension__ hides the subscript. */
static int a[10];
void f(int i) { (__extension__ a[i]) = 3; }
