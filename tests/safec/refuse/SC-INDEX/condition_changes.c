/* SC-INDEX: the condition changes the index after testing it. */
static int a[4];
int *f(unsigned i) { if (i < 4 && (i = 9)) return &a[i]; return nullptr; }
