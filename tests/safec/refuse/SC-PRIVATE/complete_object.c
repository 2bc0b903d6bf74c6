/* SC-PRIVATE: the framework's incomplete struct completed. */
#include <cadre/fw.h>
struct object { u64 words[4]; };
u64 f(struct object *o) { return o->words[0]; }
