/* a jump forward out of loops. */
int f(int n) { int i = 0, j = 0; for (i = 0; i < n; i++) for (j = 0; j < n; j++) if (i * j == 12) goto found; return -1; found: return i + j; }
