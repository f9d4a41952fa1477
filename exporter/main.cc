// The process.
#include "exporter/commands/command_line.h"

int main(int argc, char** argv) { return tierwatch::RunCommandLine(argc, argv); }
