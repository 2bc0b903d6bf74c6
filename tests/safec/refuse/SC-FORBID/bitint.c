/* SC-FORBID: an integer of any width. */
int f(_BitInt(17) x) { return (int)x; }
