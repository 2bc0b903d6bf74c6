/* SC-LAYOUT: a type whose alignment is lowered. */
typedef int unaligned_int __attribute__((aligned(1)));
