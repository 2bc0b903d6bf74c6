/* SC-PRIVATE: what no service defines. */
#pragma once
void other_module(int x);
