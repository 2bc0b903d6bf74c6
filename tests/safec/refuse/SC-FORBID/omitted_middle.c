/* SC-FORBID: a conditional without its middle. */
int f(int a, int b) { return a ?: b; }
