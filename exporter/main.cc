// The process.
#include <cstdio>

int main() {
  std::puts("tierwatch");
  return 0;
}
