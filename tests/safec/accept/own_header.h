#pragma once
struct shared { int x; };
int shared_add(int a, int b);
extern int shared_count;
