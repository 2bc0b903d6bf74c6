/* SC-PREPROC: the end of an operator. */
#define MAKE(x) x##_Pragma
MAKE()("pack(1)") struct s { char c; int i; };
