/* static locals live for ever. */
struct counter { int n; };
struct counter *get(void) { static struct counter c; c.n++; return &c; }
