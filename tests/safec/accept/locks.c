/* a lock in a struct, taken by scope. */
#include <cadre/fw.h>
struct account { struct spin_lock lock; u64 balance GUARDED_BY(&lock); struct atomic32 users; };
static struct account account;
u64 f(struct account *a, u64 n) { SPIN_SCOPE(&a->lock); a->balance += n; atomic32_add(&a->users, 1); return a->balance; }
void g(void) { f(&account, 1); struct spin_lock local = { }; spin_acquire(&local); spin_release(&local); }
