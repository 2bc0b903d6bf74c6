/* SC-INDEX: _Generic hides the subscript. */
static int a[10];
void f(int i) { _Generic(0, int: a[i]) = 3; }
