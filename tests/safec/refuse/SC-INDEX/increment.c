/* SC-INDEX: a[i]++ lets one past the end through. */
static int a[10];
void f(int i) { a[i]++; }
