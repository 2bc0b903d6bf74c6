/* SC-UNION: a slice beside its words. */
#include <cadre/fw.h>
union u { struct bytes b; u64 words[2]; };
