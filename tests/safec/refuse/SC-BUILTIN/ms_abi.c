/* SC-BUILTIN: another calling convention. */
__attribute__((ms_abi)) int f(int x) { return x; }
