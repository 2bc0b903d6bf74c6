/* SC-FORBID: any number of arguments. */
int f(int n, ...) { return n; }
