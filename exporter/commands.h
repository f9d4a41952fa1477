// What each command of the command line does. All give the exit status: 0 success, 1 the thing
// asked about is wrong, 2 it could not be done.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"

namespace tierwatch {

/// Runs until SIGTERM or SIGINT. The calling thread must be the process's first.
int RunCommand(const std::string& config_file, Logger& logger);
int CheckConfigCommand(const std::string& config_file);
int MetricsCommand(bool markdown);

}  // namespace tierwatch
