/* SC-CAST: container_of by hand. */
struct in { int x; }; struct out { int y; struct in in; };
struct out *f(struct in *i) { return (struct out *)((char *)i - __builtin_offsetof(struct out, in)); }
