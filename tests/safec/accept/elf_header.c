/* a plain struct like a file's header. */
#include <stdint.h>
struct elf { uint8_t ident[16]; uint16_t type, machine; uint32_t version; uint64_t entry, phoff, shoff; uint32_t flags; uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx; };
static_assert(sizeof(struct elf) == 64);
int elf_check(const struct elf *e)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };
	for (int i = 0; i < 4; i++)
		if (e->ident[i] != magic[i])
			return -1;
	if (e->machine != 62 || e->phentsize != 56)
		return -1;
	return e->phoff > UINT64_MAX - (uint64_t)e->phnum * e->phentsize ? -1 : 0;
}
