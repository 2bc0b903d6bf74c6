/* a number formatted into an array. */
struct line { char text[32]; unsigned len; };
static void put(struct line *l, char c) { if (l->len < sizeof l->text) l->text[l->len++] = c; }
void put_number(struct line *l, unsigned long v)
{
	char digits[20];
	int n = 0;
	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	while (n > 0)
		put(l, digits[--n]);
}
