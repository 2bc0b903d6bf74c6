/* structs with pointers as values. */
struct range { const struct node *first; int n; };
struct node { int x; struct node *next; };
static struct node head;
struct range make(int n) { struct range r = { &head, n }; return r; }
int f(void) { struct range r = make(3); struct range s = r; return s.first->x + s.n; }
