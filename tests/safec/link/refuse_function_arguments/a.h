/* SC-ODR: one function, other parameters. */
#pragma once
int put(int *p);
