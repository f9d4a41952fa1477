// `tierwatch demo`: a tiered cache, tierwatch watching it, and the phone that it pages, in one
// process.
#pragma once

#include <string>

#include "base/log.h"

namespace tierwatch {

struct DemoOptions {
  std::string listen;     // where tierwatch serves; port 0 takes a free one
  std::string redis_url;  // a real Redis as L3; "" = an embedded one
  std::string faults =
      "default";  // "default", "none" or the path of a script (demo/faults.yml says how)
  bool exit_after_script = false;
};

/// Tells its story on stdout until SIGTERM or SIGINT. With `exit_after_script` it ends with the
/// script: 0 only where every alert of rules/cache.yml has fired and resolved. The calling thread
/// must be the process's first.
int DemoCommand(const DemoOptions& options, Logger& logger);

/// `tierwatch demo backend`: the backend alone, serving at `options.listen`, until SIGTERM or
/// SIGINT.
int DemoBackendCommand(const DemoOptions& options);

}  // namespace tierwatch
