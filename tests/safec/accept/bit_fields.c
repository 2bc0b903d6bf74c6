/* bit-fields of integers. */
struct flags { unsigned a : 3, b : 5; unsigned : 8; int c : 4; bool d : 1; };
int f(struct flags *p) { p->a = 3; p->b++; p->d = true; return p->c + (int)p->b; }
