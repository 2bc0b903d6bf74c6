/* The unit of the cases of compile lines. */
int f(int x) { return x; }
