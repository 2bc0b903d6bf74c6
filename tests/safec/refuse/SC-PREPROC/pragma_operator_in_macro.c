/* SC-PREPROC: inside a macro. */
#define QUIET _Pragma("clang diagnostic ignored \"-Wreturn-type\"")
QUIET int f(void) { return 0; }
