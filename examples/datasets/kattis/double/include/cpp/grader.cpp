#include "twice.h"

#include <cstdio>

int main() {
  int n;
  if (std::scanf("%d", &n) == 1) std::printf("%d\n", twice(n));
}
