/* SC-FORBID: a 128-bit integer. */
unsigned long f(unsigned long a) { return (unsigned long)(((unsigned __int128)a * a) >> 64); }
