/* arithmetic on dates. */
static const unsigned char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
static bool leap(int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }
int day_of_year(int y, int m, int d) { int n = d; for (int i = 0; i < m - 1 && i < 12; i++) n += days[i]; return n + (m > 2 && leap(y)); }
