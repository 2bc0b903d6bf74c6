/* SC-INIT: a goto into the scope of an array. */
int f(int c) { if (c) goto in; int a[4] = { }; in: return a[1]; }
