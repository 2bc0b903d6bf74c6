/* statement expressions that do not leak. */
#define SWAP(a, b) do { typeof(a) swap_tmp = (a); (a) = (b); (b) = swap_tmp; } while (0)
int f(int a, int b) { SWAP(a, b); int m = ({ int t = a; t * 2; }); return m - b; }
