/* SC-SCOPE: a scoped callback to another task. */
#include <cadre/fw.h>
static void entry(struct object *o) { object_get(o); }
err_t f(struct object *scoped o) { return task_start(entry, o); }
