// One side of `./dev bench rules`: serves the workload to Prometheus, or judges it with tierwatch's
// own store and rules.
//
//   bench_rules serve  port=9000 speed=5          the workload at /metrics?target=t000
//   bench_rules judge  rules=FILE speed=5 …       samples and rules in their real intervals
//   bench_rules replay rules=FILE …               as fast as it goes, on a clock of its own
//   bench_rules layer  rules=FILE elements=1      the rules alone: no query, nothing stored
//
// Options are `name=value`: series, targets, speed, scrape_ms, interval_ms, samples (that every
// series has before the first round), rounds, changes. Results are lines `name value`.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "alerts/rules/evaluator.h"
#include "alerts/rules/rule_file.h"
#include "alerts/series/store.h"
#include "exporter/http_server.h"
#include "exporter/text_format.h"
#include "tests/bench/workload.h"
#include "tests/support/fake_clock.h"
#include "tests/support/vector_questions.h"

namespace tierwatch {
namespace {

using Options = std::map<std::string, std::string>;

double Number(const Options& options, const std::string& name, double otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::strtod(found->second.c_str(), nullptr);
}

WorkloadOptions WorkloadOf(const Options& options) {
  return {.series = static_cast<std::size_t>(Number(options, "series", 100'000)),
          .targets = static_cast<std::size_t>(Number(options, "targets", 100)),
          .speed = Number(options, "speed", 1)};
}

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double RssMib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void Say(std::string_view name, double value) { fmt::print("{} {}\n", name, value); }

// Store, engine and rules wired as in exporter/judge.cc; alerts are counted.
class Bench {
 public:
  Bench(const Options& options, const Clock& clock)
      : Bench(options, clock, AskStanding(engine, store, clock), WriteTo(store)) {}
  Bench(const Options& options, const Clock& clock, MakeRuleQuestions questions, SeriesSink sink)
      : evaluator(Rules(options.at("rules")), {},
                  {.questions = std::move(questions),
                   .query = MakeRuleQuery(engine, store),
                   .series = std::move(sink),
                   .alerts = [this](const std::vector<Alert>& alerts) { sent += alerts.size(); },
                   .clock = clock,
                   .logger = *logger,
                   .registry = registry}) {}

  void SayState() const {
    const series::StoreStats stats = store.Stats();
    Say("series", static_cast<double>(stats.series));
    Say("samples", static_cast<double>(stats.samples));
    Say("store_mib", static_cast<double>(stats.bytes) / (1 << 20));
    Say("rss_mib", RssMib());
    Say("alerts", static_cast<double>(evaluator.Alerts().size()));
    Say("sent", static_cast<double>(sent));
    Say("failed", Failures());
  }

  std::unique_ptr<Logger> logger = MakeStderrLogger(LogLevel::kWarn, LogFormat::kLogfmt);
  prometheus::Registry registry;
  series::Store store;
  promql::Engine engine;
  std::size_t sent = 0;
  RuleEvaluator evaluator;

 private:
  static std::vector<RuleGroup> Rules(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    Diagnostics diagnostics;
    auto groups = ReadRules(text.str(), path, {}, {}, diagnostics);
    if (!diagnostics.empty()) fmt::print(stderr, "{}\n", diagnostics.ToString());
    return groups;
  }
  double Failures() const {
    double failed = 0;
    for (const GroupStatus& group : evaluator.Groups()) {
      for (const RuleStatus& rule : group.rules) failed += rule.last_error.empty() ? 0 : 1;
    }
    return failed;
  }
};

int Serve(const Options& options) {
  const Workload workload(WorkloadOf(options));
  const SystemClock clock;
  const std::unique_ptr<Logger> logger = MakeStderrLogger(LogLevel::kWarn, LogFormat::kLogfmt);
  const HttpHandler page = [&](const ServerRequest& request) {
    const std::string name = request.Parameter("target").value_or("t000");
    std::size_t target = 0;
    std::from_chars(name.data() + 1, name.data() + name.size(), target);
    const Batch batch = workload.Sample(target, clock.Now());
    return HttpReply::Of(200, std::string(kTextFormatContentType),
                         RenderText(batch.families, batch.target_labels));
  };
  const auto server = HttpServer::Start({.listen_address = "127.0.0.1:" + options.at("port")},
                                        {{"/metrics", page}}, *logger);
  if (!server.ok()) {
    fmt::print(stderr, "{}\n", server.error().message);
    return 1;
  }
  pause();
  return 0;
}

// Samples every target once a `scrape`, spread over it, and runs the rules in their slots: one
// thread does it all, and what it spends in the rules is counted.
int Judge(const Options& options) {
  const SystemClock clock;
  const Workload workload(WorkloadOf(options));
  const auto scrape = static_cast<TimestampMs>(Number(options, "scrape_ms", 3000));
  const auto interval = static_cast<TimestampMs>(Number(options, "interval_ms", 5000));
  const auto samples = static_cast<TimestampMs>(Number(options, "samples", 20));
  const auto targets = static_cast<TimestampMs>(workload.targets());
  Bench bench(options, clock);

  TimestampMs next = 0;  // counts samplings of single targets since `begin`
  const TimestampMs begin = clock.Now() - samples * scrape;
  const auto sample_until = [&](TimestampMs time) {
    for (; begin + next * scrape / targets <= time; ++next) {
      bench.store.Append(workload.Sample(static_cast<std::size_t>(next % targets),
                                         begin + next * scrape / targets));
    }
  };
  const auto run_until = [&](TimestampMs end) {
    double cpu = 0;
    SteadyTime due = clock.Steady();
    while (clock.Now() < end) {
      sample_until(clock.Now());
      if (clock.Steady() >= due) {
        const double before = ThreadCpuSeconds();
        due = bench.evaluator.RunDue();
        cpu += ThreadCpuSeconds() - before;
      }
      const TimestampMs pause = begin + next * scrape / targets - clock.Now();
      std::this_thread::sleep_until(
          std::min(due, clock.Steady() + Millis(std::max<TimestampMs>(pause, 1))));
    }
    return cpu;
  };
  const auto evaluations = [&] {
    double count = 0;
    for (const auto& family : bench.registry.Collect()) {
      if (family.name != "tierwatch_rule_evaluations_total") continue;
      for (const auto& metric : family.metric) count += metric.counter.value;
    }
    return count;
  };
  sample_until(clock.Now());
  run_until(clock.Now() + interval * 2);  // every group has begun
  const double before = evaluations();
  const double rounds = Number(options, "rounds", 4);
  const double cpu = run_until(clock.Now() + static_cast<TimestampMs>(rounds) * interval);
  double rules = 0;
  for (const GroupStatus& group : bench.evaluator.Groups()) {
    rules += static_cast<double>(group.rules.size());
  }
  const double done = (evaluations() - before) / std::max(rules, 1.0);
  Say("rounds", done);
  Say("cpu_s_round", done > 0 ? cpu / done : 0);
  bench.SayState();
  return 0;
}

// The workload on a clock of its own, all targets sampled between two rounds.
class Replay {
 public:
  explicit Replay(const Options& options)
      : workload_(WorkloadOf(options)),
        step_(static_cast<TimestampMs>(Number(options, "scrape_ms", 15'000))),
        bench(options, clock_) {}

  /// Samples all targets but `without` once.
  void Sample(std::size_t without) {
    clock_.Advance(Millis(step_));
    for (std::size_t target = 0; target < workload_.targets(); ++target) {
      if (target != without) bench.store.Append(workload_.Sample(target, clock_.Now()));
    }
  }
  double Round() {
    const double before = ThreadCpuSeconds();
    bench.evaluator.RunNow();
    return ThreadCpuSeconds() - before;
  }
  double SteadyRound(std::size_t without, int repeats) {
    std::vector<double> seconds;
    for (int i = 0; i < repeats; ++i) {
      Sample(without);
      seconds.push_back(Round());
    }
    return Median(seconds);
  }
  /// One more series in a target that stays.
  void AddSeries(int number) {
    Batch batch = workload_.Sample(0, clock_.Now() + 1);
    auto metric = batch.families[0].metric[0];
    metric.label[1].value = fmt::format("new{}", number);
    batch.families[0].metric.push_back(std::move(metric));
    bench.store.Append(batch);
  }

 private:
  FakeClock clock_;
  Workload workload_;
  TimestampMs step_;

 public:
  Bench bench;
};

// What the first round after a change of the series set costs, in rounds.
void MeasureChanges(Replay& replay, const Options& options, double round) {
  const Workload workload(WorkloadOf(options));
  const std::size_t none = workload.targets();
  const std::size_t last = none - 1;
  std::vector<double> added, removed, grown;
  for (int i = 0; i < static_cast<int>(Number(options, "changes", 0)); ++i) {
    replay.Sample(none);  // now with the last target
    added.push_back(replay.Round() / round);
    replay.SteadyRound(none, 1);
    replay.Sample(last);
    replay.bench.store.Forget("bench", workload.TargetLabels(last));
    removed.push_back(replay.Round() / round);
    replay.SteadyRound(last, 1);
    replay.Sample(last);
    replay.AddSeries(i);
    grown.push_back(replay.Round() / round);
    replay.SteadyRound(last, 1);
  }
  Say("target_added", Median(added));
  Say("target_removed", Median(removed));
  Say("series_added", Median(grown));
}

int RunReplay(const Options& options) {
  Replay replay(options);
  const std::size_t last = WorkloadOf(options).targets - 1;  // joins later
  const int samples = static_cast<int>(Number(options, "samples", 480));
  const int rounds = static_cast<int>(Number(options, "rounds", 5));
  replay.Sample(last);
  const series::StoreStats first = replay.bench.store.Stats();
  for (int i = 1; i < samples; ++i) replay.Sample(last);
  const series::StoreStats full = replay.bench.store.Stats();
  Say("bytes_per_sample", static_cast<double>(full.bytes - first.bytes) /
                              static_cast<double>(full.samples - first.samples));
  Say("packed_bytes_per_sample",
      static_cast<double>(full.sealed_bytes) / static_cast<double>(full.sealed_samples));
  replay.Round();
  const double round = replay.SteadyRound(last, rounds);
  Say("cpu_s_round", round);

  if (Number(options, "changes", 0) > 0) MeasureChanges(replay, options, round);
  replay.bench.SayState();
  return 0;
}

// The rules without queries and store: every rule is answered at once with `elements` series of new
// values, and what it writes is dropped.
int RunLayer(const Options& options) {
  using Ticks = std::chrono::steady_clock;
  const auto elements = static_cast<std::size_t>(Number(options, "elements", 1));
  FakeClock clock;
  promql::Vector answer;
  for (std::size_t i = 0; i < elements; ++i) {
    answer.push_back({{{"__name__", "error_rate"},
                       {"instance", fmt::format("i{:05}", i)},
                       {"service", "orgs"},
                       {"target", "10.0.0.7:8080"},
                       {"tier", "redis"}},
                      0,
                      0});
  }
  double answering = 0;  // seconds
  const auto query = [&](const promql::ExprPtr&, TimestampMs time) -> Result<promql::Vector> {
    const auto begin = Ticks::now();
    promql::Vector copy = answer;
    for (promql::VectorSample& sample : copy) sample.value = static_cast<double>(time % 1000);
    answering += std::chrono::duration<double>(Ticks::now() - begin).count();
    return copy;
  };
  Bench bench(options, clock, VectorQuestions::Make(query),
              [](const std::string&, const std::vector<OutputSample>&) {});
  double rules = 0;
  for (const GroupStatus& group : bench.evaluator.Groups()) {
    rules += static_cast<double>(group.rules.size());
  }
  std::vector<double> seconds;
  for (int i = 0; i < static_cast<int>(Number(options, "rounds", 50)); ++i) {
    clock.Advance(Millis(15'001));
    answering = 0;
    const double before = ThreadCpuSeconds();
    bench.evaluator.RunNow();
    seconds.push_back(ThreadCpuSeconds() - before - answering);
  }
  Say("us_rule", Median(seconds) / rules * 1e6);
  Say("alerts", static_cast<double>(bench.evaluator.Alerts().size()));
  return 0;
}

int Run(int argc, char** argv) {
  Options options;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = std::min(word.find('='), word.size() - 1);
    options.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "serve" && options.contains("port")) return Serve(options);
  if (command == "judge" && options.contains("rules")) return Judge(options);
  if (command == "replay" && options.contains("rules")) return RunReplay(options);
  if (command == "layer" && options.contains("rules")) return RunLayer(options);
  fmt::print(stderr,
             "usage: bench_rules serve port=… | judge rules=… | replay rules=… [name=value…]\n");
  return 2;
}

}  // namespace
}  // namespace tierwatch

int main(int argc, char** argv) { return tierwatch::Run(argc, argv); }
