/* SC-ODR: a tag that one unit does not complete. */
struct s;
static struct s *kept;
void fa(struct s *s) { kept = s; (void)kept; }
