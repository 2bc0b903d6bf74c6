/* SC-UNION: an array of pointers. */
union u { int *p[2]; unsigned long n[2]; };
