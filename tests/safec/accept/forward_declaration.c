/* functions of this unit declared ahead. */
int odd(unsigned n);
static int helper(int x);
int even(unsigned n) { return n == 0 ? 1 : odd(n - 1); }
int odd(unsigned n) { return n == 0 ? 0 : even(n - 1); }
int f(void) { return helper(2); }
static int helper(int x) { return x * 2; }
