/* a number parser over an array. */
struct text { char chars[64]; unsigned len; };
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
int parse(const struct text *t, unsigned *at, int *value)
{
	int v = 0;
	unsigned i = *at;
	if (i >= t->len || !is_digit(t->chars[i]))
		return -1;
	while (i < t->len && is_digit(t->chars[i]))
		v = v * 10 + (t->chars[i++] - '0');
	*value = v;
	*at = i;
	return 0;
}
