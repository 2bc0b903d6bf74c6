/* SC-SCOPE: an array of slices. */
#include <cadre/fw.h>
void f(void) { struct bytes a[2] = { }; bytes_len(a[0]); }
