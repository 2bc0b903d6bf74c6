/* every kind of loop. */
int f(int n) { int s = 0; for (;;) { if (n-- <= 0) break; if (n == 3) continue; s += n; } do s--; while (s > 100); while (s < 0) s++; return s; }
