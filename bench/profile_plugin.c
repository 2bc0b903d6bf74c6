// SPDX-License-Identifier: MPL-2.0
/*
 * A QEMU plugin that counts executed guest instructions by the address of their translation block.
 *
 *	-plugin profile.so,out=FILE[,begin=ADDRESS,end=ADDRESS[,sums=1]]
 *
 * At the end FILE has lines "ADDRESS INSTRUCTIONS COUNT" of each block. With `begin` and `end`, addresses of guest functions, only
 * what runs between the first call of the one and of the other counts. With `sums` FILE has a line for each such stretch instead: all
 * instructions in it. Counts are plain words: use one virtual CPU, or one thread for all (-accel tcg,thread=single), or take
 * the sums as approximate.
 * The declarations are those of QEMU's plugin interface, version 1 (docs/devel/tcg-plugins); Debian packages no header.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_info_t;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int flags, void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation, void *, uint64_t);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { SLOTS = 1 << 20 };
static struct slot { uint64_t address, instructions, count, at_begin; } slots[SLOTS];
static uint64_t begin_at, end_at;
static bool ended, sums;
static const char *out_name = "profile.txt";

/* The slot of a block; full tables share the last. Translation is serialised by QEMU. */
static struct slot *
slot_of(uint64_t address, uint64_t instructions)
{
	uint64_t at = (address * 0x9e3779b97f4a7c15u ^ instructions * 0x85ebca6b) >> 44;
	for (unsigned i = 0; i < 64; i++) {
		struct slot *slot = &slots[(at + i) % SLOTS];
		if (slot->address == 0)
			*slot = (struct slot){ address, instructions, 0, 0 };
		if (slot->address == address && slot->instructions == instructions)
			return slot;
	}
	return &slots[SLOTS - 1];
}

static void
on_begin(unsigned cpu, void *unused)
{
	(void)cpu, (void)unused;
	for (struct slot *slot = slots; !ended && slot < slots + SLOTS; slot++)
		slot->at_begin = slot->count;
}

static void
write_out(void)
{
	FILE *out = fopen(out_name, "w");
	for (struct slot *slot = slots; out && slot < slots + SLOTS; slot++)
		if (slot->count > slot->at_begin)
			fprintf(out, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", slot->address, slot->instructions, slot->count - slot->at_begin);
	if (out)
		fclose(out);
}

/* One stretch more: its sum. */
static void
write_sum(void)
{
	uint64_t sum = 0;
	for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
		sum += slot->instructions * (slot->count - slot->at_begin);
	FILE *out = fopen(out_name, "a");
	if (out)
		fprintf(out, "%" PRIu64 "\n", sum), fclose(out);
}

static void
on_end(unsigned cpu, void *unused)
{
	(void)cpu, (void)unused;
	if (sums) {
		write_sum();
		return;
	}
	if (!ended)
		write_out();
	ended = true;
}

static void
on_translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	uint64_t address = qemu_plugin_tb_vaddr(tb), n = qemu_plugin_tb_n_insns(tb);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, 0, &slot_of(address, n)->count, 1);
	if (begin_at && address == begin_at)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_begin, 0, NULL);
	if (end_at && address == end_at)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_end, 0, NULL);
}

static void
on_exit_of_qemu(plugin_id id, void *unused)
{
	(void)id, (void)unused;
	if (!ended && !sums)
		write_out();
}

__attribute__((visibility("default"))) int
qemu_plugin_install(plugin_id id, const struct qemu_info_t *info, int count, char **arguments)
{
	(void)info;
	for (int i = 0; i < count; i++) {
		if (strncmp(arguments[i], "out=", 4) == 0)
			out_name = strdup(arguments[i] + 4);
		else if (strncmp(arguments[i], "begin=", 6) == 0)
			begin_at = strtoull(arguments[i] + 6, NULL, 0);
		else if (strncmp(arguments[i], "end=", 4) == 0)
			end_at = strtoull(arguments[i] + 4, NULL, 0);
		else if (strcmp(arguments[i], "sums=1") == 0)
			sums = true;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
