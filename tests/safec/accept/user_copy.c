/* a plain struct from user space. */
#include <cadre/fw.h>
struct stat { u64 size; u32 mode; u32 links; u8 name[16]; };
err_t f(u64 from, u64 *scoped size) { struct stat s = { }; err_t e = USER_READ(from, s); if (e != OK) return e; *size = s.size; return OK; }
