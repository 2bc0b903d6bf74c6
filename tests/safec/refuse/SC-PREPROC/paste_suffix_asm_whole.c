/* SC-PREPROC: the suffix is not all that is pasted: an argument of two words falls apart into `vol` and `atile`. */
#define MAKE(a, b) a##b##_mine
int f(void) { MAKE(x; vol, atile int y; z) = 0; return 0; }
