/* SC-UNION: a pointer in an unnamed struct in a union. */
typedef int *ip;
struct w { union { struct { ip p; }; unsigned long n; }; };
