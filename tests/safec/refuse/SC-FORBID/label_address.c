/* SC-FORBID: the address of a label. */
int f(void) { static const char *const t[] = { &&a }; a: return t[0] != nullptr; }
