/* SC-LAYOUT: a union that is called like its members. */
union __attribute__((transparent_union)) u { int a; unsigned b; };
