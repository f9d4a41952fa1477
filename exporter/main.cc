// The process.
#include <malloc.h>

#include "exporter/commands/command_line.h"

int main(int argc, char** argv) {
  // Threads allocate in turns rather than at once, and each arena keeps what it once needed: by
  // default there are eight for each core, with 10,000 alerts a fifth of all memory.
  mallopt(M_ARENA_MAX, 2);
  return tierwatch::RunCommandLine(argc, argv);
}
