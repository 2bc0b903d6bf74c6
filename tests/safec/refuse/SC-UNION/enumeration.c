/* SC-UNION: an enum made from an integer. */
enum e { A, B };
union u { enum e e; unsigned n; };
