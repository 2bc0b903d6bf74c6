/* the comma operator. */
int f(int a, int b) { int i, j; for (i = 0, j = 10; i < j; i++, j--) a += b; return (a++, a); }
