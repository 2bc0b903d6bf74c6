/* SC-ODR: one function, two types. */
#pragma once
int *get(int x);
