/* SC-CAST: an enum constant that is not the null constant. */
enum { NIL = 4096 };
int *f(void) { return (int *)NIL; }
