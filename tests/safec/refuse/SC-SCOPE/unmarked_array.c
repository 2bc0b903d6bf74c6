/* SC-SCOPE: a local array to an unmarked parameter. */
struct s { char name[8]; };
static char *kept;
static void keep(char *p) { kept = p; }
void f(void) { char a[8] = { }; keep(a); }
