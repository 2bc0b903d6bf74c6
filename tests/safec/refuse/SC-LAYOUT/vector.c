/* SC-LAYOUT: a vector type. */
typedef int v4 __attribute__((vector_size(16)));
