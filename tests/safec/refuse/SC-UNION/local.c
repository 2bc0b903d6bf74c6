/* SC-UNION: a union type inside a function. */
int *f(unsigned long n) { union { unsigned long n; int *p; } u = { .n = n }; return u.p; }
