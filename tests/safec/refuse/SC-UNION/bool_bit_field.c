/* SC-UNION: a bool bit-field. */
union u { bool b : 1; unsigned char c; };
