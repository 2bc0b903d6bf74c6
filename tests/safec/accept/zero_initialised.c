/* opaque and scoped structs start as zeroes. */
#include <cadre/fw.h>
struct s { int x; struct spin_lock lock; };
static struct s a = { .x = 1 };
static struct s b = { 0 };
int f(void) { struct s c = { }; struct bytes none = { }; return a.x + b.x + c.x + (int)bytes_len(none); }
