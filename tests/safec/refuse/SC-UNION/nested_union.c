/* SC-UNION: a union inside a union. */
union u { union { int *p; long l; } in; unsigned long n; };
