/* SC-CAST: a number becomes a function. */
void f(unsigned long a) { ((void (*)(void))a)(); }
