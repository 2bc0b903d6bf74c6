/* a function that the framework calls. */
#include <cadre/fw.h>
static u32 calls;
void framework_hook(void) { calls++; }
