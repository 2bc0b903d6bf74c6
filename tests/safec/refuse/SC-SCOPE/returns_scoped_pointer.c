/* SC-SCOPE: a function that returns scoped, through a pointer. */
#include <cadre/fw.h>
u8 f(void);
typedef int unused;
u8 *g(int c) { auto p = cursor_at; u8 a[4] = { }; return p(BYTES_OF(a)); }
