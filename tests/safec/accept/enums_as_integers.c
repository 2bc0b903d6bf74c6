/* enums and integers mix. */
enum color { RED, GREEN = 5, BLUE };
enum fixed : unsigned char { SMALL = 1 };
int f(enum color c) { int n = c; enum color d = (enum color)(n + 1); enum fixed s = SMALL; unsigned char u = s; return d == BLUE ? u : n; }
