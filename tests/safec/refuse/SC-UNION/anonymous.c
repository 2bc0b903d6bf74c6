/* SC-UNION: an anonymous union in a struct. */
struct s { int tag; union { int *p; unsigned long n; }; };
