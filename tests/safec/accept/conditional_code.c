/* conditional compilation. */
#if defined(DEBUG) && DEBUG > 1
#error no
#elif __has_include(<stdint.h>)
#include <stdint.h>
#else
#warning old
#endif
#ifndef LIMIT
#define LIMIT 4
#endif
uint8_t f(void) { return LIMIT; }
