/* SC-PRIVATE: a pasted name of the compiler's. */
#define MAKE(x) x##_mine
int MAKE(_X);
