/* SC-BUILTIN: a mark of the framework's. */
struct s { int x __attribute__((annotate("cadre:private"))); };
