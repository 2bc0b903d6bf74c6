/* SC-SCOPE: the value of a block points into it. */
int f(void) { int *p = ({ int x = 1; &x; }); return *p; }
