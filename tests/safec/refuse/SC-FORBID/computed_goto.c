/* SC-FORBID: a goto to an address. */
int f(int i) { goto *(&&a); a: return i; }
