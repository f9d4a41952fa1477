#include "tests/support/promql/samples.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "alerts/series/float_histogram.h"
#include "tests/support/promql/choices.h"

namespace tierwatch {
namespace {

using series::FloatHistogram;

struct Target {
  const char* job;
  const char* instance;
};
constexpr Target kTargets[] = {
    {"api", "a:1"}, {"api", "b:1"}, {"api", "c:1"}, {"cache", "a:1"}, {"cache", "b:1"}};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Writer {
 public:
  explicit Writer(int rounds) : rounds_(rounds) {}

  std::vector<series::Sample> Run() {
    for (round_ = 0; round_ < rounds_; ++round_) {
      for (target_ = 0; target_ < std::size(kTargets); ++target_) {
        Counters();
        Gauges();
        ClassicHistograms();
        NativeHistograms();
      }
    }
    std::stable_sort(samples_.begin(), samples_.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    return std::move(samples_);
  }

 private:
  // Whether this is the round at `fraction` of all, or from there on, or between two.
  int RoundAt(double fraction) const { return static_cast<int>(fraction * rounds_); }
  bool At(double fraction) const { return round_ == RoundAt(fraction); }
  bool From(double fraction) const { return round_ >= RoundAt(fraction); }
  bool Between(double from, double to) const { return From(from) && !From(to); }
  bool Is(const char* job, const char* instance) const {
    return std::string_view(kTargets[target_].job) == job &&
           std::string_view(kTargets[target_].instance) == instance;
  }
  double Random(int count) {
    return static_cast<double>(choices_.Below(static_cast<std::uint32_t>(count)));
  }

  void Put(const char* name, std::vector<Label> labels, double value,
           series::HistogramPtr histogram = nullptr) {
    labels.push_back({"__name__", name});
    labels.push_back({"job", kTargets[target_].job});
    labels.push_back({"instance", kTargets[target_].instance});
    const TimestampMs time = kSamplesStart + kSamplesInterval.count() * round_ + 3'000 +
                             137 * static_cast<TimestampMs>(target_);
    samples_.push_back({Labels(std::move(labels)), time, value, std::move(histogram)});
  }

  void Counters() {
    for (std::size_t code = 0; code < 3; ++code) {
      double& value = requests_[target_][code];
      value = choices_.Below(40) == 0 ? Random(5) : value + Random(20);
      Put("requests_total", {{"code", std::array{"200", "404", "500"}[code]}}, value);
    }
    double& errors = errors_[target_];
    errors = At(0.5) ? 0 : errors + (choices_.Below(4) == 0 ? 1 : 0);
    const bool gap = Is("api", "c:1") && Between(0.3, 0.65);
    if (!gap && choices_.Below(5) != 0) Put("errors_total", {}, errors);
  }

  void Gauges() {
    double temperature = 20 * std::sin(round_ / 7.0) + Random(1'000) / 256;
    if (Is("api", "b:1") && round_ % 37 == 11) temperature = series::OrdinaryNan();
    if (Is("api", "b:1") && round_ % 53 == 20) temperature = kInfinity;
    if (Is("cache", "b:1") && round_ % 41 == 30) temperature = -kInfinity;
    Put("temperature", {}, temperature);
    Put("up", {}, choices_.Below(10) == 0 ? 0 : 1);
    for (const char* queue : {"in", "out"}) Queue(queue);
    if (Is("api", "c:1")) return;
    const bool moves = Is("api", "b:1");  // from version 1 to 2
    const bool second = moves && From(0.5);
    if (moves && At(0.5))
      Put("build_info", {{"version", "1"}, {"note", "first\nsecond"}}, series::StaleMarker());
    Put("build_info",
        {{"version", second ? "2" : "1"}, {"note", moves ? "first\nsecond" : "first second"}}, 1);
  }

  void Queue(const char* queue) {
    const bool out = queue[0] == 'o';
    double value = Random(10);
    if (Is("cache", "a:1") && out && Between(0.4, 0.5)) {
      if (!At(0.4)) return;
      value = series::StaleMarker();  // and comes back
    }
    if (Is("api", "a:1") && !out && From(0.7)) {
      if (!At(0.7)) return;
      value = series::StaleMarker();  // for good
    }
    if (Is("api", "b:1") && out && From(0.6)) return;  // without a word
    if (!out || !Is("api", "c:1")) Put("queue_depth", {{"queue", queue}}, value);
  }

  void ClassicHistograms() {
    if (Is("api", "c:1") || Is("cache", "b:1")) return;
    auto& counts = classic_[target_];
    if (At(0.55)) counts.fill(0);
    constexpr std::array kBounds{"0.1", "0.5", "1", "2.5", "+Inf"};
    double total = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      counts[i] += Random(6);
      total += counts[i];
      Put("latency_seconds_bucket", {{"le", kBounds[i]}}, total);
    }
    Put("latency_seconds_count", {}, total);
    Put("latency_seconds_sum", {}, total * 0.75);
    if (!Is("cache", "a:1")) return;
    // Not monotonic; without +Inf; with a bound that is none.
    for (const char* bound : {"1", "2", "+Inf"})
      Put("broken_bucket", {{"le", bound}, {"kind", "falls"}}, 10 + Random(5));
    for (const char* bound : {"1", "2"}) Put("broken_bucket", {{"le", bound}, {"kind", "open"}}, 4);
    for (const char* bound : {"1", "x", "+Inf"})
      Put("broken_bucket", {{"le", bound}, {"kind", "misnamed"}}, 4 + Random(2));
  }

  void NativeHistograms() {
    FloatHistogram& counter = native_[target_];
    constexpr std::array kSchemas{0, 2, -1, 3, 1};
    if (round_ == 0 || (At(0.45) && !Is("api", "a:1"))) {
      counter = FloatHistogram{};
      counter.schema = kSchemas[target_];
      counter.zero_threshold = target_ == 2 ? 0.0039 : 0.001;
    }
    if (At(0.6) && Is("cache", "a:1")) {  // a coarser schema, as a client that limits its buckets
      counter = FloatHistogram{};
      counter.schema = 1;
      counter.zero_threshold = 0.25;  // where its lowest bucket begins
    }
    Observe(counter, target_ == 1);
    const bool ended = Is("cache", "b:1") && From(0.75);
    if (!ended) Put("duration_seconds", {}, 0, Copy(counter));
    if (ended && At(0.75)) Put("duration_seconds", {}, series::StaleMarker());

    FloatHistogram gauge;
    gauge.reset_hint = series::ResetHint::kGauge;
    gauge.schema = 1;
    gauge.zero_threshold = 0.001;
    for (int i = 0; i < 3; ++i) Observe(gauge, true);
    if (!Is("api", "c:1")) Put("spread", {}, 0, Copy(gauge));
    if (Is("api", "a:1")) Put("mixed", {}, Random(9), From(0.5) ? Copy(counter) : nullptr);
    if (Is("cache", "a:1")) Put("mixed", {}, Random(9), round_ / 10 % 2 ? Copy(gauge) : nullptr);
  }

  // A few observations more, on both sides of zero where `negative`.
  void Observe(FloatHistogram& histogram, bool negative) {
    const double zeros = Random(3);
    histogram.zero_count += zeros;
    histogram.count += zeros;
    for (int i = 0; i < 2; ++i) Add(histogram, histogram.positive, 1);
    if (negative) Add(histogram, histogram.negative, -1);
  }

  void Add(FloatHistogram& histogram, series::Buckets& buckets, int sign) {
    const auto index = static_cast<std::int32_t>(Random(9)) - 3;
    const double count = 1 + Random(4);
    const auto at = std::lower_bound(buckets.index.begin(), buckets.index.end(), index);
    const auto offset = at - buckets.index.begin();
    if (at == buckets.index.end() || *at != index) {
      buckets.index.insert(at, index);
      buckets.count.insert(buckets.count.begin() + offset, 0);
    }
    buckets.count[static_cast<std::size_t>(offset)] += count;
    histogram.count += count;
    histogram.sum += sign * count * 0.875 * series::ExponentialBound(index, histogram.schema);
  }

  static series::HistogramPtr Copy(const FloatHistogram& histogram) {
    return std::make_shared<const FloatHistogram>(histogram);
  }

  const int rounds_;
  int round_ = 0;
  std::size_t target_ = 0;
  SeededChoices choices_{42};
  std::array<std::array<double, 3>, std::size(kTargets)> requests_{};
  std::array<double, std::size(kTargets)> errors_{};
  std::array<std::array<double, 5>, std::size(kTargets)> classic_{};
  std::array<FloatHistogram, std::size(kTargets)> native_{};
  std::vector<series::Sample> samples_;
};

}  // namespace

std::vector<series::Sample> PromqlSamples(int rounds) { return Writer(rounds).Run(); }

}  // namespace tierwatch
