/* SC-LAYOUT: another compiler's layout. */
struct __attribute__((ms_struct)) s { char c; int x : 3; };
