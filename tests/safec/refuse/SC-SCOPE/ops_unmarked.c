/* SC-SCOPE: through an ops table that does not mark it. */
struct ops { int (*read)(int *p); };
int f(const struct ops *o) { int x = 1; return o->read(&x); }
