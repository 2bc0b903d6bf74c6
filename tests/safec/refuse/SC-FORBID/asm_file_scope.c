/* SC-FORBID: at file scope. */
asm(".globl x");
