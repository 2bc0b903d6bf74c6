/* SC-PRIVATE: what no service defines. */
#pragma once
extern int *forged;
