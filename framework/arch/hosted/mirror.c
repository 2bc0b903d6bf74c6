// SPDX-License-Identifier: MPL-2.0
/**
 * Translations: what a guest has of the loaded space's page tables, as a TLB.
 *
 * A guest begins with none. What its program touches without one comes here, is looked up in the tables, and is mapped from the machine's
 * memory together with what lies around it. A page can be written only once its entry is dirty, so that the first write comes here, too.
 * Flushing unmaps. Both are commands that the stub obeys before its program goes on: whoever flushes waits for this CPU, which answers
 * with the program stopped.
 */
#include <guest.h>
#include <cadre/vm_space.h>

enum : u32 { WINDOW = 16, MAPPED_MAX = 50000 /* the host allows 65530 of a process */, FLUSH_SOME = 512 };
enum : u64 { HOST_READ_BIT = 1, HOST_WRITE_BIT = 2, HOST_EXEC_BIT = 4 };

/* --- the tables --- */

/** The last table for `at` of the loaded space; null: there is none. */
static u64 *
leaf_table(u64 at)
{
	u64 table = this_cpu()->arch.root_pa;
	if (table == 0 || at >= USER_END)
		return nullptr;
	for (int level = 3; level > 0; level--) {
		/* SAFETY: (1) `table` is a page table that vm_space.c keeps while it is loaded and reachable: a table that is taken out waits for
		 * this CPU, whose interrupts are off; (2) the index is below 512. */
		u64 pte = __atomic_load_n((u64 *)phys_to_virt(table) + (at >> (PAGE_SHIFT + 9 * level) & 511), __ATOMIC_ACQUIRE);
		if (!arch_pte_present(pte))
			return nullptr;
		table = arch_pte_pa(pte);
	}
	return phys_to_virt(table);
}

/** As the processor reads an entry: where it allows the access, accessed and dirty are set in the same step. 0: it does not. */
static u64
entry_use(u64 *entry, enum user_access access, u64 *seen)
{
	u64 wanted = HOSTED_PTE_PRESENT | HOSTED_PTE_USER | (access == USER_ACCESS_WRITE ? HOSTED_PTE_WRITE : 0);
	u64 set = ARCH_PTE_ACCESSED | (access == USER_ACCESS_WRITE ? ARCH_PTE_DIRTY : 0);
	*seen = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
	while ((*seen & wanted) == wanted && (access != USER_ACCESS_EXEC || (*seen & HOSTED_PTE_NX) == 0))
		if ((*seen & set) == set || __atomic_compare_exchange_n(entry, seen, *seen | set, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return *seen | set;
	return 0;
}

u64
mirror_walk(u64 at, enum user_access access, u64 *seen)
{
	u64 *table = leaf_table(at);
	*seen = 0;
	return table == nullptr ? 0 : entry_use(&table[at >> PAGE_SHIFT & 511], access, seen);
}

/* --- commands --- */

void
mirror_forget(struct guest *guest)
{
	guest->slot->commands[0] = (struct stub_command){ .at = 0, .len = STUB_BASE };
	guest->slot->ncommands = 1;
	guest->nmapped = 0;
	for (u32 i = 0; i < GUEST_WINDOWS; i++)
		guest->windows[i] = 0;
}

static void
unmap(struct guest *guest, u64 va, u64 len)
{
	if (guest->slot->ncommands == STUB_COMMANDS)
		return mirror_forget(guest);
	guest->slot->commands[guest->slot->ncommands++] = (struct stub_command){ .at = va, .len = len };
}

static u32
host_prot(u64 pte)
{
	bool write = (pte & HOSTED_PTE_WRITE) != 0 && arch_pte_dirty(pte);
	return (u32)(HOST_READ_BIT | (write ? HOST_WRITE_BIT : 0) | ((pte & HOSTED_PTE_NX) != 0 ? 0 : HOST_EXEC_BIT));
}

/** Maps the page at `at` as its entry says; what goes on where the last mapping ends makes that longer. `first`: a mapping of its own. */
static void
map(struct guest *guest, u64 at, u64 pte, bool first)
{
	struct stub_slot *slot = guest->slot;
	struct stub_command *last = first ? nullptr : &slot->commands[slot->ncommands - 1];
	u32 prot = host_prot(pte);
	if (!first && last->at + last->len == at && last->offset + last->len == arch_pte_pa(pte) && last->prot == prot) {
		last->len += PAGE_SIZE;
		return;
	}
	slot->commands[slot->ncommands++] = (struct stub_command){ .at = at, .len = PAGE_SIZE, .offset = arch_pte_pa(pte), .prot = prot };
	guest->nmapped++;
}

/** Whether the pages around `at` are worth a try: the first time, until everything is flushed. */
static bool
window_is_new(struct guest *guest, u64 at)
{
	u64 window = at / (WINDOW * PAGE_SIZE) + 1, *place = &guest->windows[window % GUEST_WINDOWS];
	bool is_new = *place != window;
	*place = window;
	return is_new;
}

bool
mirror_miss(struct guest *guest, u64 at, enum user_access access, u64 *seen)
{
	u64 *table = leaf_table(at);
	u32 index = at >> PAGE_SHIFT & 511, from = index, to = index + 1;
	*seen = 0;
	u64 pte = table == nullptr ? 0 : entry_use(&table[index], access, seen), unused;
	if (pte == 0)
		return false;
	if (guest->slot->ncommands + WINDOW > STUB_COMMANDS || guest->nmapped >= MAPPED_MAX)
		mirror_forget(guest);
	if (window_is_new(guest, at)) {
		from = align_down(index, WINDOW);
		to = from + WINDOW;
	}
	bool first = true;
	for (u32 i = from; i < to; i++) {
		u64 here = i == index ? pte : entry_use(&table[i], USER_ACCESS_READ, &unused);
		if (here == 0)
			continue;
		map(guest, align_down(at, PAGE_SIZE) + ((u64)i - index) * PAGE_SIZE, here, first);
		first = false;
	}
	return true;
}

/* --- what the framework asks for --- */

u16 arch_asid_count(void) { return GUEST_ASIDS; }

void
arch_space_load(u64 root_pa, u16 asid, bool flush)
{
	this_cpu()->arch.root_pa = root_pa;
	this_cpu()->arch.asid = asid;
	if (asid != 0 && flush && guest_of(asid)->process != 0)
		mirror_forget(guest_of(asid));
}

void
arch_tlb_flush_user(u64 va, u64 npages, u16 asid)
{
	if (asid == 0 || guest_of(asid)->process == 0)
		return;
	if (npages >= FLUSH_SOME)
		mirror_forget(guest_of(asid));
	else
		unmap(guest_of(asid), va, npages * PAGE_SIZE);
}

void
arch_tlb_flush_all(void)
{
	for (u16 asid = 1; asid <= GUEST_ASIDS; asid++)
		if (guest_of(asid)->process != 0)
			mirror_forget(guest_of(asid));
}
