/* pointers to const and not, compared. */
struct s { int x; };
static struct s head;
bool is_head(const struct s *p) { return &head == p || p != &head; }
