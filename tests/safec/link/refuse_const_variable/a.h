/* SC-ODR: one variable, const and not. */
#pragma once
extern int limit;
