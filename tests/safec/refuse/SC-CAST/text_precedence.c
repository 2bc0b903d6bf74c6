/* SC-CAST: an operator smuggled into a text macro. */
#include <cadre/fw.h>
void f(int c) { log_print(TEXT("x" ? "y" : "zz"), 1); }
