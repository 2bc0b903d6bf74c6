/* SC-LAYOUT: one packed field. */
struct s { char c; int x __attribute__((__packed__)); };
