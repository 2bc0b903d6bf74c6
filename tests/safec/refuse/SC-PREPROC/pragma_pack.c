/* SC-PREPROC: a pragma that changes layout. */
#pragma pack(1)
struct s { char c; int x; };
