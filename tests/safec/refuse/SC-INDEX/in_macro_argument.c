/* SC-INDEX: a weak subscript in a framework macro's argument. */
#include <cadre/fw.h>
static u32 a[10];
err_t f(u64 from, int i) { return USER_READ(from, a[i]); }
