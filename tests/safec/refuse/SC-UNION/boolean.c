/* SC-UNION: a bool made from a byte. */
union u { bool b; unsigned char c; };
