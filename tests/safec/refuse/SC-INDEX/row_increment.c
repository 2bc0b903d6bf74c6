/* SC-INDEX: m[i][j]++ lets one past the row through. */
static int m[4][4];
void f(int i, int j) { m[i][j]++; }
