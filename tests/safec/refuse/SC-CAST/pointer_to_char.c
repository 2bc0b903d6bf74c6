/* SC-CAST: the bytes of an object. */
unsigned char *f(int *p) { return (unsigned char *)p; }
