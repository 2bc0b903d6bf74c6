/* a checksum over words. */
#include <stdint.h>
struct packet { uint16_t words[32]; uint8_t len; };
uint16_t checksum(const struct packet *p) { uint32_t s = 0; for (unsigned i = 0; i < p->len && i < 32; i++) s += p->words[i]; while (s >> 16) s = (s & 0xffff) + (s >> 16); return (uint16_t)~s; }
