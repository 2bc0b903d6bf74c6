/* SC-CAST: an untyped field. */
struct s { void *data; };
