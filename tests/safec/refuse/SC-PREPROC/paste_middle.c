/* SC-PREPROC: two arguments meet: `mine_x` and `volatile`. */
#define MAKE(a, b) mine_##a##b
typedef int mine_x;
int f(void) { MAKE(x vol, atile) y = 0; return y; }
