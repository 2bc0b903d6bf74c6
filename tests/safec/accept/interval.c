/* intervals without overlap. */
struct interval { unsigned long start, end; struct interval *next; };
bool overlaps(const struct interval *list, unsigned long start, unsigned long end) { for (; list; list = list->next) if (start < list->end && list->start < end) return true; return false; }
