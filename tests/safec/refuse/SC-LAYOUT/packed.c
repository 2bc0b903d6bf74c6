/* SC-LAYOUT: a packed struct has misaligned fields. */
struct __attribute__((packed)) s { char c; int *p; };
