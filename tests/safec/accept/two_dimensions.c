/* a matrix. */
enum { N = 4 };
static int m[N][N];
int trace(void) { int s = 0; for (int i = 0; i < N; i++) { s += m[i][i]; m[i][0] = s; m[i][1] += 2; m[i][2]++; } return s; }
int row(unsigned i) { int (*r)[N] = i < N ? &m[i] : nullptr; return r ? (*r)[1] : 0; }
