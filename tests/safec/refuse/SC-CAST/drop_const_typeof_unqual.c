/* SC-CAST: const dropped by typeof_unqual. */
int *f(const int *p) { typeof_unqual(*p) *q = (typeof_unqual(*p) *)p; return q; }
