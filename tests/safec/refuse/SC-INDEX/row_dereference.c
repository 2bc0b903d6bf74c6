/* SC-INDEX: *m[i]. */
static int m[4][4];
int f(int i) { return *m[i]; }
