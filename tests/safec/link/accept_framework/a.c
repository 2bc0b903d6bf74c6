/* SC-ODR: two units with the framework headers. */
#include <cadre/fw.h>
struct node { u32 x; };
OBJECT_DECLARE(node);
struct node *fa(void) { return node_alloc(); }
