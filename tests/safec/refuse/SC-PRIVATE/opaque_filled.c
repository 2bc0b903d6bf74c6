/* SC-PRIVATE: a lock filled by position. */
#include <cadre/fw.h>
static struct spin_lock a = { 5 };
