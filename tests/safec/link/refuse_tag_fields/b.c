/* SC-ODR: one tag, two layouts: integer against pointer. */
struct node { int *link; };
int *b(struct node *n) { return n->link; }
