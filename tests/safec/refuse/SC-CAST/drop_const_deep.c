/* SC-CAST: const added below the top, the classic hole. */
static const int c = 1;
int f(void) { int *p = nullptr; const int **pp = (const int **)&p; *pp = &c; *p = 2; return c; }
