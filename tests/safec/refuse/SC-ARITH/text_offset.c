/* SC-ARITH: arithmetic on a text macro's literal. */
#include <cadre/fw.h>
void f(void) { log_print(TEXT("a" + 1 - ""), 1); }
