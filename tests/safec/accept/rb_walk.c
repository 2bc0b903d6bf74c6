/* parent links. */
struct node { struct node *parent, *left, *right; int key; };
static struct node *leftmost(struct node *n) { while (n && n->left) n = n->left; return n; }
struct node *next(struct node *n) { if (n->right) return leftmost(n->right); while (n->parent && n == n->parent->right) n = n->parent; return n->parent; }
