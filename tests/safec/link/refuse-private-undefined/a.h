/* SC-PRIVATE: what no service defines. */
#pragma once
void arch_write_page_table(unsigned long root);
