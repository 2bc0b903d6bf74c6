/* SC-LAYOUT: the same in C23 spelling. */
struct [[gnu::packed]] s { char c; int x; };
