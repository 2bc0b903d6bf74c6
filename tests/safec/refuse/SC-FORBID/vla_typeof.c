/* SC-FORBID: a run-time type by typeof. */
int f(int n) { typeof(int[n]) a; return (int)sizeof a; }
