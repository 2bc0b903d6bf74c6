/* SC-LAYOUT: a type that aliases all others. */
typedef long __attribute__((may_alias)) any_long;
