/* SC-BUILTIN: a tag that is the framework's to give. */
struct s { int x; } __attribute__((btf_decl_tag("cadre:heap_type")));
