/* SC-PREPROC: an attribute from two halves. */
#define ATTR(x) __attri##x
ATTR(bute__)((no_sanitize("all"))) int f(void) { return 0; }
