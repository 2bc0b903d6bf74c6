/* SC-UNION: a nullptr_t. */
union u { typeof(nullptr) p; unsigned long n; };
