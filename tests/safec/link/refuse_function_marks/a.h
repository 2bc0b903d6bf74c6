/* SC-ODR: one function, another scoped mark. */
#pragma once
#include <cadre/safe.h>
int put(int *scoped p);
