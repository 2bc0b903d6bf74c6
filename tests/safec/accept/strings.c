/* literals as const char pointers. */
static const char *const names[] = { "zero", "one", "two" };
const char *name(unsigned i) { return i < 3 ? names[i] : "many"; }
struct entry { const char *name; char text[8]; };
static const struct entry e = { .name = "x", .text = "hello" };
const char *g(int c) { const char *s = c ? "a" : "b"; return e.name ? s : ""; }
char h(void) { char a[] = "abc"; return a[1]; }
