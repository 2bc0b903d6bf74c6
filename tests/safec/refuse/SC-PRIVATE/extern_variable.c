/* SC-PRIVATE: another unit's variable. */
extern int other;
int f(void) { return other; }
