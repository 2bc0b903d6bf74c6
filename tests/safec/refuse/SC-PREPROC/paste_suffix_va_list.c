/* SC-PREPROC: the end of a word of the language. */
#define MAKE(x) x##_list
void f(MAKE(va) *p) { }
