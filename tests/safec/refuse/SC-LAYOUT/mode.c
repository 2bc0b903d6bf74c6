/* SC-LAYOUT: a mode that changes a type's size. */
typedef int wide __attribute__((mode(DI)));
