/* SC-BUILTIN: an attribute whose end is written out. */
#define MAKE(x) x##_overridable
int __attribute__((MAKE(diagnose))) f(void) { return 0; }
