/* SC-ODR: one enum, other values. */
enum e { B, A };
int fb(enum e e) { return e == B; }
