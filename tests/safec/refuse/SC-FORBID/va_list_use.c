/* SC-FORBID: walking arguments. */
int f(__builtin_va_list a) { return __builtin_va_arg(a, int); }
