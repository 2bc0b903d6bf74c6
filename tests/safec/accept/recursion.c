/* a recursive walk of a tree. */
struct tree { int key; struct tree *left, *right; };
int depth(const struct tree *t)
{
	if (t == nullptr)
		return 0;
	int l = depth(t->left), r = depth(t->right);
	return 1 + (l > r ? l : r);
}
struct tree *find(struct tree *t, int key)
{
	while (t != nullptr && t->key != key)
		t = key < t->key ? t->left : t->right;
	return t;
}
