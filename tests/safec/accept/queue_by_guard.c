/* the address of an element after a test. */
enum { N = 8 };
struct queue { int n; };
static struct queue queues[N];
static void drain(struct queue *q) { q->n = 0; }
int f(unsigned i) { if (i >= N) return -1; drain(&queues[i]); return 0; }
int g(int i) { if (i < 0 || i >= N) return -1; struct queue *q = &queues[i]; drain(q); return q->n; }
int h(unsigned i) { if (i < N) { drain(&queues[i]); return 0; } return -1; }
void all(void) { for (int i = 0; i < N; i++) drain(&queues[i]); }
struct queue *at(unsigned i) { return i < N ? &queues[i] : nullptr; }
int both(unsigned i) { return i < N && (&queues[i])->n > 0; }
