/* SC-CAST: a pointer becomes an enum. */
enum e { A, B };
enum e f(int *p) { return (enum e)(unsigned long)p; }
