/* SC-PRIVATE: a struct with a lock copied. */
#include <cadre/fw.h>
struct s { int x; struct spin_lock l; };
void f(struct s *a, struct s *b) { *a = *b; }
