/* pointers published and loaded. */
#include <cadre/fw.h>
struct config { u32 version; };
struct holder { struct config *current; };
static struct holder holder;
u32 f(struct config *c) { POINTER_PUBLISH(holder.current, c); struct config *now = POINTER_LOAD(holder.current); return now != nullptr ? now->version : 0; }
