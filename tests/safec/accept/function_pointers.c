/* typed function pointers. */
typedef int (*binary)(int, int);
static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static const binary table[] = { add, sub, &add };
static int apply(binary f, int a, int b) { return f ? f(a, b) : 0; }
int f(unsigned i, int a) { binary b = i & 1 ? add : sub; if (b == add) a++; return apply(table[i % 3], a, (*b)(a, 1)); }
