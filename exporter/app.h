// A running tierwatch: what is configured, wired together. `tierwatch run` and the demo each have
// one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "exporter/config.h"

namespace tierwatch {

/// Runs from Start until destruction, which asks what is under way to stop and waits for it.
class App {
 public:
  /// `clock` and `logger` must outlive the app. Errors: the address can't be listened
  /// on, the storage can't be written to.
  static Result<std::unique_ptr<App>> Start(Config config, const Clock& clock, Logger& logger);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// The port that is listened on.
  int port() const;
  /// Takes changed rule files: see Reloader.
  Result<void> Reload();
  /// True once every target was sampled or had time to be.
  bool ready() const;

 private:
  struct Parts;
  explicit App(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tierwatch
