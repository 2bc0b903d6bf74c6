/* SC-FORBID: a label local to a block. */
int f(void) { __label__ out; goto out; out: return 0; }
