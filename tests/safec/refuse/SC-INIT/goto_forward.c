/* SC-INIT: a goto passes a declaration. */
int f(int c) { if (c) goto out; int *p = nullptr; c++; out: return p != nullptr ? *p : 0; }
