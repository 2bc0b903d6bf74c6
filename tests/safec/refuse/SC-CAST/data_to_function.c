/* SC-CAST: data becomes a function. */
static unsigned char code[16];
void f(void) { ((void (*)(void))code)(); }
