/* SC-LAYOUT: a pointer into another address space. */
int f(int __attribute__((address_space(256))) *p) { return *p; }
