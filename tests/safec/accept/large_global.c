/* a large array indexed directly. */
static unsigned char memory[1 << 20];
unsigned char f(unsigned long i) { memory[i] = 1; return memory[i & 0xfff]; }
