/* slices in locals and parameters. */
#include <cadre/fw.h>
static u64 sum(struct bytes b) { u64 s = 0; for (u64 i = 0; i < bytes_len(b); i++) s += bytes_get(b, i); return s; }
u64 f(void) { u8 a[16] = { }; struct bytes b = BYTES_OF(a); bytes_set(b, 3, 7); if (bytes_len(b) > 4) { struct bytes c = bytes_sub(b, 2, 4); b = c; } return sum(b) + sum(bytes_sub(b, 0, 1)); }
