/* SC-INDEX: (m[i])[j]. */
static int m[4][4];
int f(int i, int j) { return (m[i])[j]; }
