#include "alerts/rules/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "alerts/rules/group.h"
#include "alerts/rules/query.h"
#include "alerts/rules/selectors.h"
#include "alerts/series/store.h"

namespace tierwatch {
namespace {

constexpr TimestampMs kLeastChunk = 60'000;
constexpr std::size_t kMaxErrors = 20;
constexpr Millis kNeverAgain{100LL * 365 * 86'400'000};  // every alert is told once

series::StoreOptions Keeping(Millis back) {
  series::StoreOptions options;
  options.retention = back + Millis(1);
  return options;
}

class Replay {
 public:
  Replay(const std::vector<RuleGroup>& groups, const BacktestOptions& options,
         const FetchSamples& fetch, const Clock& clock, SeriesNeeds needs)
      : options_(options),
        fetch_(fetch),
        needs_(std::move(needs)),
        store_(Keeping(needs_.longest_back)),
        query_(MakeRuleQuery(engine_, store_)),
        sink_(WriteTo(store_)),
        context_{query_, sink_, no_labels_, no_url_, kNeverAgain, clock} {
    for (const auto& [name, series] : needs_.series)
      fetched_[name] = options_.from - series.back.count() - 1;
    for (const RuleGroup& group : groups) Add(group, AskStanding(engine_, store_, clock));
  }

  Result<BacktestReport> Run(const std::function<void(TimestampMs)>& reached) {
    for (TimestampMs begin = options_.from; begin <= options_.to;) {
      const TimestampMs end = std::min(begin + options_.chunk.count(), options_.to);
      Result<void> fetched = Fetch(end);
      if (!fetched.ok()) return std::move(fetched).error();
      EvaluateUntil(end);
      store_.Prune(end);
      reached(end);
      begin = end + 1;
    }
    return std::move(report_);
  }

 private:
  struct Scheduled {
    std::unique_ptr<Group> group;
    TimestampMs next = 0;
    std::size_t rules = 0;
    std::size_t first_alert = 0, alerts_end = 0;  // in the report
  };

  void Add(const RuleGroup& plain, const MakeRuleQuestions& questions) {
    Scheduled scheduled;
    scheduled.group = std::make_unique<Group>(plain, questions);
    const TimestampMs slot = scheduled.group->SlotAt(options_.from);
    scheduled.next = slot < options_.from ? slot + plain.interval.count() : slot;
    scheduled.rules = plain.rules.size();
    scheduled.first_alert = report_.alerts.size();
    for (const Rule& rule : plain.rules) {
      const bool known =
          std::any_of(report_.alerts.begin() + static_cast<std::ptrdiff_t>(scheduled.first_alert),
                      report_.alerts.end(),
                      [&](const BacktestAlert& alert) { return alert.name == rule.name; });
      if (rule.kind == Rule::Kind::kAlerting && !known)
        report_.alerts.push_back({plain.file, plain.name, rule.name, {}});
    }
    scheduled.alerts_end = report_.alerts.size();
    groups_.push_back(std::move(scheduled));
  }

  Result<void> Fetch(TimestampMs until) {
    for (const auto& [name, series] : needs_.series) {
      TimestampMs& from = fetched_[name];
      const TimestampMs to = until + series.ahead.count();
      while (from < to) {
        const TimestampMs next = std::min(from + options_.chunk.count(), to);
        for (const std::string& selector : series.selectors) {
          Result<void> fetched = Fetch(selector, from, next);
          if (!fetched.ok()) return fetched;
        }
        from = next;
      }
    }
    return {};
  }

  Result<void> Fetch(const std::string& selector, TimestampMs from, TimestampMs to) {
    Result<promql::Matrix> matrix = fetch_(selector, from, to);
    if (!matrix.ok()) {
      if (matrix.error().reason != Reason::kLimit || to - from <= kLeastChunk)
        return std::move(matrix).error();
      const TimestampMs middle = from + (to - from) / 2;
      Result<void> first = Fetch(selector, from, middle);
      return first.ok() ? Fetch(selector, middle, to) : std::move(first);
    }
    for (const promql::SeriesPoints& series : *matrix) Take(selector, series);
    const std::size_t bytes = store_.Stats().bytes;
    if (bytes <= options_.max_bytes) return {};
    return Error{fmt::format("the samples that the rules look at take {} MiB, more than {}; "
                             "replay fewer rules at once or a shorter chunk",
                             bytes >> 20, options_.max_bytes >> 20),
                 Reason::kOther};
  }

  void Take(const std::string& selector, const promql::SeriesPoints& series) {
    std::vector<series::Sample> samples;
    samples.reserve(series.points.size());
    for (const auto& [time, value] : series.points)
      samples.push_back({series.labels, time, value, {}});
    store_.Append(selector, samples);
  }

  /// In the order of time; of one time, in the order of the files.
  void EvaluateUntil(TimestampMs end) {
    while (!groups_.empty()) {
      Scheduled& due =
          *std::min_element(groups_.begin(), groups_.end(),
                            [](const Scheduled& a, const Scheduled& b) { return a.next < b.next; });
      if (due.next > end) return;
      const GroupResult result = due.group->Evaluate(due.next, context_);
      due.next += due.group->interval().count();
      report_.evaluations += due.rules;
      report_.failures += result.errors.size();
      for (const std::string& error : result.errors) Note(due.group->name() + ": " + error);
      for (const Alert& alert : result.due) Tell(due, alert);
    }
  }

  void Note(std::string error) {
    if (report_.errors.size() < kMaxErrors &&
        std::find(report_.errors.begin(), report_.errors.end(), error) == report_.errors.end())
      report_.errors.push_back(std::move(error));
  }

  void Tell(const Scheduled& group, const Alert& alert) {
    Labels labels = alert.labels;
    const std::string name(labels.Get("alertname"));
    labels.Remove("alertname");
    for (std::size_t i = group.first_alert; i < group.alerts_end; ++i) {
      if (report_.alerts[i].name != name) continue;
      std::vector<BacktestPage>& pages = report_.alerts[i].pages;
      if (alert.state == AlertState::kFiring) {
        pages.push_back({std::move(labels), alert.active_at, alert.fired_at, 0});
        return;
      }
      const auto open = std::find_if(pages.rbegin(), pages.rend(), [&](const BacktestPage& page) {
        return page.resolved_at == 0 && page.labels == labels;
      });
      if (open != pages.rend()) open->resolved_at = alert.resolved_at;
      return;
    }
  }

  const BacktestOptions options_;
  const FetchSamples& fetch_;
  const SeriesNeeds needs_;
  std::map<std::string, TimestampMs> fetched_;  // until when, by the metric's name
  const promql::Engine engine_;
  series::Store store_;
  const RuleQuery query_;
  const SeriesSink sink_;
  const Labels no_labels_;
  const std::string no_url_;
  const GroupContext context_;
  std::vector<Scheduled> groups_;
  BacktestReport report_;
};

}  // namespace

Result<BacktestReport> Backtest(const std::vector<RuleGroup>& groups,
                                const BacktestOptions& options, const FetchSamples& fetch,
                                const Clock& clock,
                                const std::function<void(TimestampMs)>& reached) {
  if (options.to < options.from) return Error{"the replay would end before it begins"};
  Result<SeriesNeeds> needs = SeriesNeeded(groups, promql::EngineOptions().lookback);
  if (!needs.ok()) return std::move(needs).error();
  return Replay(groups, options, fetch, clock, *std::move(needs)).Run(reached);
}

}  // namespace tierwatch
