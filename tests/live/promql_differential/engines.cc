#include "tests/live/promql_differential/engines.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/promql/samples.h"

namespace tierwatch {
namespace {

std::string FormEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text)
    encoded += std::isalnum(static_cast<unsigned char>(c)) != 0
                   ? std::string(1, c)
                   : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

std::string Seconds(TimestampMs time) { return fmt::format("{}.{:03}", time / 1000, time % 1000); }

// Sums of thousands of floats are taken in another order or precision.
constexpr double kTolerance = 1e-9;

// The times at which a part is evaluated. A matrix is no answer to a range query: it is asked for
// at each step. A subquery has its own steps, which are multiples of its resolution.
std::vector<Question> TimesOf(const Derivation& part, const Derivation& whole,
                              const Question& question) {
  if (whole.production->symbol == "subquery")
    return {{part.Text(), kSamplesStart, kSamplesStart + 2'400'000, kSamplesInterval}};
  if (question.IsRange() && IsRangeVector(part)) return EachStep(part, question);
  Question same = question;
  same.text = part.Text();
  return {same};
}

// holt_winters has another name since 3.0 (#14930), and nothing else has changed.
std::string InNewNames(std::string text) {
  constexpr std::string_view kOld = "holt_winters(", kNew = "double_exponential_smoothing(";
  for (std::size_t at = 0; (at = text.find(kOld, at)) != std::string::npos;)
    text.replace(at, kOld.size(), kNew);
  return text;
}

}  // namespace

Answer Ask(const PrometheusServer& server, const Question& question) {
  HttpRequest request;
  request.method = "POST";
  request.url = server.url() + "/api/v1/" + (question.IsRange() ? "query_range" : "query");
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "query=" + FormEncoded(question.text);
  if (question.IsRange()) {
    request.body += fmt::format("&start={}&end={}&step={}", Seconds(question.start),
                                Seconds(question.end), Seconds(question.step.count()));
  } else {
    request.body += "&time=" + Seconds(question.start);
  }
  const Result<HttpResponse> response = HttpClient(HttpOptions()).Send(request);
  if (!response.ok()) return {"no answer: " + response.error().message, {}, {}, {}};
  return ParseAnswer(response->body);
}

bool IsRangeVector(const Derivation& part) {
  constexpr std::string_view kSymbols[] = {"matrix", "rising", "subquery", "native_window",
                                           "bucket_window"};
  return std::find(std::begin(kSymbols), std::end(kSymbols), part.production->symbol) !=
         std::end(kSymbols);
}

std::vector<Question> EachStep(const Derivation& part, const Question& whole) {
  const std::string text = part.Text([&](const Derivation& node) -> std::string {
    const std::string_view written = node.production->text;
    if (node.production->symbol != "instant" || !written.ends_with(")")) return "";
    const TimestampMs time = written == "start()" ? whole.start : whole.end;
    return fmt::format("{}.{:03}", time / 1000, time % 1000);
  });
  std::vector<Question> questions;
  const TimestampMs step = whole.IsRange() ? whole.step.count() : 1;
  for (TimestampMs time = whole.start; time <= whole.end; time += step)
    questions.push_back({text, time, time});
  return questions;
}

Engines::Engines(int rounds) {
  const std::vector<series::Sample> samples = PromqlSamples(rounds);
  server_.Write(samples);
  store_.Append("test", samples);
}

Answer Engines::Ours(const Question& question) const {
  const Result<promql::ExprPtr> expr = promql::Parse(InNewNames(question.text));
  if (!expr.ok()) return ToAnswer(expr.error());
  const promql::Engine engine;
  return ToAnswer(question.IsRange()
                      ? engine.Range(*expr, store_, question.start, question.end, question.step)
                      : engine.Instant(*expr, store_, question.start));
}

std::string Finding::ToString() const {
  return fmt::format("{}\n  {}\n  of {} to {} by {}\n  Prometheus: {}\n  tierwatch: {}",
                     question.text, difference, question.start, question.end, question.step.count(),
                     theirs.ToString().substr(0, 2'000), ours.ToString().substr(0, 2'000));
}

std::optional<Finding> Compare(Engines& engines, const Derivation& part, const Question& question) {
  Finding finding{part, question, engines.Theirs(question), engines.Ours(question), ""};
  finding.difference = Difference(finding.theirs, finding.ours, kTolerance);
  if (finding.difference.empty()) return std::nullopt;
  return finding;
}

Finding Innermost(Engines& engines, Finding finding) {
  for (const Derivation& child : finding.part.children) {
    for (const Question& question : TimesOf(child, finding.part, finding.question)) {
      std::optional<Finding> inner = Compare(engines, child, question);
      // Not every part is an expression.
      const bool fragment = inner && inner->theirs.error.starts_with("bad_data") &&
                            !finding.theirs.error.starts_with("bad_data");
      if (inner && !fragment) return Innermost(engines, *std::move(inner));
    }
  }
  return finding;
}

}  // namespace tierwatch
