/* a list on a static pool, by index. */
enum { N = 32, NONE = -1 };
struct slot { int value; int next; };
static struct slot slots[N];
static int head = NONE;
void init(void) { for (int i = 0; i < N; i++) slots[i].next = i + 1 < N ? i + 1 : NONE; head = 0; }
int take(int value) { int i = head; if (i < 0 || i >= N) return NONE; head = slots[i].next; slots[i].value = value; return i; }
void give(int i) { if (i < 0 || i >= N) return; slots[i].next = head; head = i; }
