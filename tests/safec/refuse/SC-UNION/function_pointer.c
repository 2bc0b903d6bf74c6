/* SC-UNION: a function pointer and an integer. */
union u { void (*f)(void); unsigned long n; };
