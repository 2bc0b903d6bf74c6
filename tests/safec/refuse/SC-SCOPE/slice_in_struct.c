/* SC-SCOPE: a slice in a struct. */
#include <cadre/fw.h>
struct s { struct bytes b; };
