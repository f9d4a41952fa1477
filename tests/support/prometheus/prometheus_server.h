// A real Prometheus server: empty, fed by remote write, asked over HTTP.
#pragma once

#include <span>
#include <string>

#include "alerts/series/sample.h"
#include "base/http_client.h"
#include "tests/support/process.h"

namespace tierwatch {

class PrometheusServer {
 public:
  /// Whether this machine has one.
  static bool Exists();

  /// Starts it, with rules (a path, or a pattern of paths) or without, and `global` of its
  /// configuration in YAML; a server that doesn't come up fails the test.
  explicit PrometheusServer(const std::string& rule_files = "", const std::string& global = "{}");

  std::string url() const;

  /// Samples in the order of time. A refusal fails the test.
  void Write(std::span<const series::Sample> samples);

 private:
  const TempDir dir_;
  const int port_ = FreePort();
  Process process_;
  HttpClient client_{HttpOptions{}};
};

}  // namespace tierwatch
