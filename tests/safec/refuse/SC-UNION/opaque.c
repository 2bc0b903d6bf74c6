/* SC-UNION: a lock beside its bits. */
#include <cadre/fw.h>
union u { struct spin_lock l; u32 bits; };
