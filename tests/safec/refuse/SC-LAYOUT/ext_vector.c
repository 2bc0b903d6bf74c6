/* SC-LAYOUT: a vector type of clang's. */
typedef int v4 __attribute__((ext_vector_type(4)));
