/* SC-PREPROC: behind a comment. */
/* x */ #pragma pack(1)
struct s { char c; int x; };
