/* SC-INDEX: i[a]. */
static int a[10];
int f(int i) { return i[a]; }
