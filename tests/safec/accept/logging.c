/* typed printing. */
#include <cadre/fw.h>
void f(u32 n) { log_info("n is", n); log_print(TEXT("plain"), 3); }
