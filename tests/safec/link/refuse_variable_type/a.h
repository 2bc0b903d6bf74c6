/* SC-ODR: one variable, two types. */
#pragma once
extern int *shared;
