/* SC-ODR: one header, two layouts by -D. */
#pragma once
struct s {
#ifdef WIDE
	unsigned long x;
#else
	int *x;
#endif
};
