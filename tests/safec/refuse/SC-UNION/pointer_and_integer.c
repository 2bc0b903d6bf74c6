/* SC-UNION: the classic forgery. */
union u { int *p; unsigned long n; };
