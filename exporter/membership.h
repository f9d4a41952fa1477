// The servers that the targets of one entry of the configuration name beside themselves: a sentinel
// its primary and replicas, a node of a cluster the others.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exporter/runner.h"

namespace tierwatch {

/// Which of them should be watched now: what the sources that answered last named, without the
/// sources themselves. While none answers, all that was known stands. Not thread-safe.
class Membership {
 public:
  using Make = std::function<Result<WatchedTarget>(const std::string& address)>;

  explicit Membership(Make make) : make_(std::move(make)) {}

  /// One more target of the configuration that names members, by its label `target`.
  void AddSource(const std::string& name) { sources_[name]; }

  /// What the last sample of a source named.
  void Told(const std::string& source, const std::optional<Members>& members);
  /// Addresses, each once; nothing where what is watched should stay as it is: no source answers,
  /// or not all have been asked yet, so that it isn't known under which address each is a member.
  std::optional<std::vector<std::string>> Wanted() const;

  Result<WatchedTarget> MakeTarget(const std::string& address) const { return make_(address); }

 private:
  struct Source {
    bool asked = false;
    bool answers = false;
    Members named;  // when it last answered
  };

  const Make make_;
  std::map<std::string, Source> sources_;
};

}  // namespace tierwatch
