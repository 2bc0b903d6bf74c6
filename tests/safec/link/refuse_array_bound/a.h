/* SC-ODR: one array, two bounds. */
#pragma once
extern int table[100];
