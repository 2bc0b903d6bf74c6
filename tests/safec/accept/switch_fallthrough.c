/* a switch with ranges and fall-through. */
int f(int c) { switch (c) { case 'a' ... 'z': return 1; case '0': c++; [[fallthrough]]; case '1': { int d = c; return d; } default: return 0; } }
