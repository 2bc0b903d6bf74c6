/* SC-UNION: a pointer behind a typedef. */
typedef int *handle;
union u { handle h; unsigned long n; };
