// The command line: which command, with which options.
#pragma once

namespace tierwatch {

/// Parses and runs. Gives the exit status: 0 success, 1 the thing asked about is wrong, 2 wrong
/// usage.
int RunCommandLine(int argc, const char* const* argv);

}  // namespace tierwatch
