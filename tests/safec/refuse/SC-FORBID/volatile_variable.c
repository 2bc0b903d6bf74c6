/* SC-FORBID: volatile. */
volatile int flag;
