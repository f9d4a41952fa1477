// The two sides of the comparison, with the same samples: Prometheus and tierwatch.
#pragma once

#include "alerts/promql/promql.h"
#include "alerts/series/store.h"
#include "tests/live/promql_differential/answer.h"
#include "tests/support/prometheus/prometheus_server.h"
#include "tests/support/promql/grammar.h"

namespace tierwatch {

Answer Ask(const PrometheusServer& server, const Question& question);

class Engines {
 public:
  /// Starts the server and writes the data set to both.
  explicit Engines(int rounds);

  Answer Theirs(const Question& question) { return Ask(server_, question); }
  /// Functions may have their old names.
  Answer Ours(const Question& question) const;

 private:
  PrometheusServer server_;
  series::Store store_{{{}, Millis(0)}};
};

/// Something that both were asked and answered differently.
struct Finding {
  Derivation part;  // what was asked
  Question question;
  Answer theirs, ours;
  std::string difference;

  std::string ToString() const;
};

/// Whether the part is one by its symbol.
bool IsRangeVector(const Derivation& part);

/// Instant queries for a part at the steps of the whole; its start() and end() are the whole's.
std::vector<Question> EachStep(const Derivation& part, const Question& whole);

/// Asks both; nothing where they agree.
std::optional<Finding> Compare(Engines& engines, const Derivation& part, const Question& question);

/// The innermost part of what was asked on which the two differ: there the cause must be. Parts are
/// asked at the times of the whole; what is in a subquery, all over the data.
Finding Innermost(Engines& engines, Finding finding);

}  // namespace tierwatch
