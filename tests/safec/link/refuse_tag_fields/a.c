/* SC-ODR: one tag, two layouts: integer against pointer. */
struct node { unsigned long link; };
unsigned long a(struct node *n) { return n->link; }
