/* the compiler's headers of types. */
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <limits.h>
#include <stdalign.h>
struct s { char c; long l; };
size_t f(void) { return offsetof(struct s, l) + SIZE_MAX % 3 + (size_t)INT_MAX + CHAR_BIT + alignof(long); }
