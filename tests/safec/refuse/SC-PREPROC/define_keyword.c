/* SC-PREPROC: const means nothing. */
#define const
int f(const int *p) { return *p; }
