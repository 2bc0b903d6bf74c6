/* SC-INDEX: m[i] decays to a pointer. */
static int m[4][4];
static int first(int *row) { return *row; }
int f(int i) { return first(m[i]); }
