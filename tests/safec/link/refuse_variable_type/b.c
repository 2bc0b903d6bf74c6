/* SC-ODR: one variable, two types. */
unsigned long shared = 4096;
