/* SC-ODR: one function, another scoped mark. */
static int *kept;
int put(int *p) { kept = p; return *kept; }
