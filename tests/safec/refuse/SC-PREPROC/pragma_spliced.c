/* SC-PREPROC: the directive across lines. */
#pra\
gma pack(1)
struct s { char c; int x; };
