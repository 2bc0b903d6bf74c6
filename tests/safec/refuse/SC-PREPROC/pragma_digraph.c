/* SC-PREPROC: the directive in a digraph. */
%:pragma pack(1)
struct s { char c; int x; };
