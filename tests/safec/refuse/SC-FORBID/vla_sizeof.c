/* SC-FORBID: a run-time length inside sizeof. */
int f(int n) { return (int)sizeof(int[n++]); }
