/* SC-PREPROC: bytes of a file. */
static const unsigned char a[] = {
#embed "embed.c"
};
unsigned f(void) { return sizeof a; }
