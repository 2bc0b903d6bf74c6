/* SC-PRIVATE: a name of the linker script. */
int _end = 3;
