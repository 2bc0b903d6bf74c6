/* components of a path. */
struct path { char text[256]; unsigned len; };
struct part { unsigned start, len; };
bool next_part(const struct path *p, struct part *part)
{
	unsigned i = part->start + part->len;
	while (i < p->len && p->text[i] == '/')
		i++;
	part->start = i;
	while (i < p->len && p->text[i] != '/')
		i++;
	part->len = i - part->start;
	return part->len > 0;
}
