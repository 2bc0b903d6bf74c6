/* SC-ODR: one array, two bounds. */
int table[2];
