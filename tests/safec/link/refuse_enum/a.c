/* SC-ODR: one enum, other values. */
enum e { A, B };
int fa(enum e e) { return e == B; }
