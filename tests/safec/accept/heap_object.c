/* objects of the typed heap. */
#include <cadre/fw.h>
struct node { u32 key; struct node *next; };
OBJECT_DECLARE(node);
struct node *push(struct node *head, u32 key) { struct node *n = node_alloc(); if (n == nullptr) return head; n->key = key; n->next = head; return n; }
struct object *as_object(struct node *n) { return node_object(n); }
u32 back(struct object *o) { return node_from(o)->key; }
