/* SC-PREPROC: another include. */
#import "x.h"
int f(void) { return 0; }
