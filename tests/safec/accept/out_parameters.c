/* results through pointers. */
#include <cadre/safe.h>
struct inode { int number; };
static struct inode root = { 1 };
static int lookup(int number, struct inode **scoped out) { if (number != 1) return -1; *out = &root; return 0; }
static void count(int *scoped n) { (*n)++; }
int f(void) { struct inode *i = nullptr; int n = 0; count(&n); if (lookup(1, &i) != 0) return -1; return i->number + n; }
