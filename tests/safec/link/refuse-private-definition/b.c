/* SC-ODR: a private function of the framework defined by a service. */
struct object;
struct object *heap_alloc(unsigned long size) { return nullptr; }
