/* SC-UNION: a pointer inside a struct inside a union. */
struct s { int *p; };
union u { struct s s; unsigned long n[1]; };
