/* casts among integers. */
#include <stdint.h>
uint64_t f(int32_t a, uint8_t b) { uint64_t x = (uint64_t)(uint32_t)a << 32; x |= (unsigned)b; long l = (long)x; return (uint64_t)(int8_t)l; }
