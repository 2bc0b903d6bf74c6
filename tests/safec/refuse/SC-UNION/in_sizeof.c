/* SC-UNION: a union declared inside sizeof. */
int f(void) { return sizeof(struct z { union { int *p; long l; }; }); }
