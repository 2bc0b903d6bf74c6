// SPDX-License-Identifier: MPL-2.0
/**
 * libFuzzer entry for the boot information: the input is physical memory from address 0 on; its first byte chooses where the start information is
 * looked for. Whatever the loader says, RAM comes out sorted, disjoint, page aligned, and without the image.
 */
// source: framework/boot/pvh.c
// source: framework/object/slice.c
#include <boot/pvh.h>
#include <arch/string.h>

#define CHECK(condition) ((condition) ? (void)0 : __builtin_trap())

enum : u64 { LIMIT = (u64)1 << 40, IMAGE = 2 << 20 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int
LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static struct boot_info info;
	const struct boot_range image = { IMAGE, 2 * IMAGE };
	u64 rsdp = 0, start = len > 0 ? data[0] : 0;
	memset(&info, 0, sizeof(info));
	if (!pvh_parse((struct phys_view){ data, len }, start, image, LIMIT, &info, &rsdp))
		return 0;
	CHECK(info.nram <= BOOT_RANGES_MAX && info.nreserved <= BOOT_RANGES_MAX);
	for (u32 i = 0; i < info.nram; i++) {
		struct boot_range ram = info.ram[i];
		CHECK(ram.start < ram.end && ram.end <= LIMIT && ((ram.start | ram.end) & (PAGE_SIZE - 1)) == 0);
		CHECK(ram.start >= BOOT_LOW_END && (ram.end <= image.start || ram.start >= image.end));
		CHECK(i == 0 || info.ram[i - 1].end <= ram.start);
	}
	return 0;
}
