#include "exporter/remote_write/remote_write.h"

#include <fmt/format.h>
#include <prometheus/counter.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/instruments.h"
#include "base/labels.h"
#include "exporter/remote_write/remote_write_request.h"

namespace tierwatch {
namespace {

using prometheus::MetricType;
using series::LabelView;
using series::SampleView;

constexpr Millis kMaxAhead{10 * 60'000};

constexpr MetricInfo kRequests{"tierwatch_remote_write_requests_total",
                               MetricType::Counter,
                               "Requests of remote write, by how they were answered.",
                               {"code"}};
constexpr MetricInfo kTaken{"tierwatch_remote_write_samples_total",
                            MetricType::Counter,
                            "Samples taken by remote write, floats and histograms.",
                            {"version"}};
constexpr MetricInfo kRefused{
    "tierwatch_remote_write_refused_samples_total",
    MetricType::Counter,
    "Samples of remote write that were not taken, and exemplars, which are not kept.",
    {"reason"}};
constexpr MetricInfo kMetrics[] = {kRequests, kTaken, kRefused};

enum Why : std::size_t {
  kLabels,
  kHistogram,
  kNoSamples,
  kTooOld,
  kTooNew,
  kOutOfOrder,
  kDuplicate,
  kSeriesLimit,
  kExemplar,
  kReasons
};
constexpr std::array<const char*, kReasons> kReasonNames = {
    "labels",       "histogram", "no_samples",   "too_old", "too_new",
    "out_of_order", "duplicate", "series_limit", "exemplar"};

struct Outcome {
  std::array<std::size_t, kReasons> refused{};
  std::string example;  // of what was refused first
  std::size_t floats = 0, histograms = 0;

  void Refuse(std::size_t reason, std::string_view why) {
    if (example.empty()) example = fmt::format("{}: {}", kReasonNames[reason], why);
    ++refused[reason];
  }
  std::size_t Refusals() const {
    std::size_t sum = 0;
    for (std::size_t reason = 0; reason < kExemplar; ++reason) sum += refused[reason];
    return sum;
  }
};

std::string Spelled(std::span<const LabelView> labels) {
  std::vector<Label> copies;
  for (const LabelView& label : labels)
    copies.push_back({std::string(label.name), std::string(label.value)});
  return ToUtf8(Labels(std::move(copies)).ToString());
}

std::string_view ValueOf(std::span<const LabelView> labels, std::string_view name) {
  for (const LabelView& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

// Whose samples go to the store together.
struct Writer {
  std::string_view job, instance, metric;
  bool operator==(const Writer&) const = default;
  std::string Key() const {
    return fmt::format("remote write {}\xff{}\xff{}", job, instance, metric);
  }
};

// Takes one request into the store.
class Taking {
 public:
  Taking(const RemoteWriteRequest& request, RemoteWriteVersion version, series::Store& store)
      : request_(request), second_(version == RemoteWriteVersion::k2), store_(store) {}

  Outcome Run(TimestampMs oldest, TimestampMs newest) {
    outcome_.refused[kExemplar] = request_.exemplars;
    Sort(oldest, newest);
    for (std::size_t begin = 0, end; begin < places_.size(); begin = end) {
      end = begin + 1;
      while (end < places_.size() && places_[end].writer == places_[begin].writer &&
             places_[end].time == places_[begin].time) {
        ++end;
      }
      Append(std::span(places_).subspan(begin, end - begin));
    }
    return std::move(outcome_);
  }

 private:
  struct Place {
    std::size_t writer = 0;  // in writers_
    TimestampMs time = 0;
    std::size_t sample = 0;
  };

  // Series of one metric come one behind the other, so that a look at the one before is enough.
  void Sort(TimestampMs oldest, TimestampMs newest) {
    std::size_t series = request_.series.size();
    std::vector<bool> has_samples(request_.series.size());
    for (std::size_t i = 0; i < request_.samples.size(); ++i) {
      const RemoteWriteRequest::Sample& sample = request_.samples[i];
      has_samples[sample.series] = true;
      const RemoteWriteRequest::Series& its = request_.series[sample.series];
      if (!its.problem.empty()) {
        Refuse(kLabels, its, its.problem);
      } else if (sample.is_histogram && !sample.histogram) {
        Refuse(kHistogram, its, request_.histogram_problem);
      } else if (sample.time < oldest || sample.time > newest) {
        Refuse(sample.time < oldest ? kTooOld : kTooNew, its, fmt::format("at {}", sample.time));
      } else {
        if (series != std::exchange(series, sample.series)) SetWriter(request_.LabelsOf(its));
        places_.push_back({writers_.size() - 1, sample.time, i});
      }
    }
    // The second version forbids what the first one has for metadata or exemplars alone.
    for (std::size_t i = 0; second_ && i < has_samples.size(); ++i) {
      if (!has_samples[i]) Refuse(kNoSamples, request_.series[i], "it has none");
    }
    const auto order = [](const Place& place) { return std::pair(place.writer, place.time); };
    if (!std::ranges::is_sorted(places_, {}, order)) std::ranges::stable_sort(places_, {}, order);
  }

  void SetWriter(std::span<const LabelView> labels) {
    const Writer writer{ValueOf(labels, "job"), ValueOf(labels, "instance"),
                        ValueOf(labels, kMetricName)};
    if (writers_.empty() || writers_.back() != writer) writers_.push_back(writer);
  }

  void Append(std::span<const Place> places) {
    views_.clear();
    for (const Place& place : places) {
      const RemoteWriteRequest::Sample& sample = request_.samples[place.sample];
      views_.push_back({request_.LabelsOf(request_.series[sample.series]), sample.time,
                        sample.value, sample.histogram, sample.start_time});
      ++(sample.is_histogram ? outcome_.histograms : outcome_.floats);
    }
    for (const series::RefusedSample& refused :
         store_.Append(writers_[places[0].writer].Key(), views_)) {
      const RemoteWriteRequest::Sample& sample = request_.samples[places[refused.position].sample];
      --(sample.is_histogram ? outcome_.histograms : outcome_.floats);
      Refuse(ReasonOf(refused.why), request_.series[sample.series],
             fmt::format("at {}", sample.time));
    }
  }

  static std::size_t ReasonOf(series::Refusal refusal) {
    switch (refusal) {
      case series::Refusal::kOutOfOrder:
        return kOutOfOrder;
      case series::Refusal::kDuplicate:
        return kDuplicate;
      case series::Refusal::kSeriesLimit:
        break;
    }
    return kSeriesLimit;
  }

  void Refuse(std::size_t reason, const RemoteWriteRequest::Series& its, std::string_view why) {
    outcome_.Refuse(reason, outcome_.example.empty()
                                ? fmt::format("{} {}", Spelled(request_.LabelsOf(its)), why)
                                : "");
  }

  const RemoteWriteRequest& request_;
  const bool second_;
  series::Store& store_;
  Outcome outcome_;
  std::vector<Writer> writers_;
  std::vector<Place> places_;
  std::vector<SampleView> views_;
};

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Nothing where it is a content that isn't read. Without a type it is the first version's.
std::optional<RemoteWriteVersion> VersionOf(std::string_view content_type) {
  RemoteWriteVersion version = RemoteWriteVersion::k1;
  std::size_t end = content_type.find(';');
  const std::string_view type = Trimmed(content_type.substr(0, end));
  if (!type.empty() && type != "application/x-protobuf") return std::nullopt;
  while (end != content_type.npos) {
    content_type.remove_prefix(end + 1);
    end = content_type.find(';');
    const std::string_view parameter = Trimmed(content_type.substr(0, end));
    if (!parameter.starts_with("proto=")) continue;
    if (parameter == "proto=io.prometheus.write.v2.Request") {
      version = RemoteWriteVersion::k2;
    } else if (parameter != "proto=prometheus.WriteRequest") {
      return std::nullopt;
    }
  }
  return version;
}

HttpReply Plain(int status, const std::string& text) {
  return HttpReply::Of(status, "text/plain; charset=utf-8", text.empty() ? "" : text + "\n");
}

HttpReply ReplyTo(const Outcome& outcome, RemoteWriteVersion version) {
  const bool second = version == RemoteWriteVersion::k2;
  std::string text;
  if (const std::size_t refusals = outcome.Refusals(); refusals > 0) {
    text = fmt::format("{} refused, {} taken;", refusals, outcome.floats + outcome.histograms);
    for (std::size_t reason = 0; reason < kExemplar; ++reason) {
      if (outcome.refused[reason] > 0)
        text += fmt::format(" {} {},", kReasonNames[reason], outcome.refused[reason]);
    }
    text.back() = ';';
    text += " the first: " + outcome.example;
  }
  HttpReply reply = Plain(!text.empty() ? 400 : second ? 200 : 204, text);
  if (second) {
    const auto say = [&](const char* what, std::size_t count) {
      reply.headers.emplace_back(fmt::format("X-Prometheus-Remote-Write-{}-Written", what),
                                 std::to_string(count));
    };
    say("Samples", outcome.floats);
    say("Histograms", outcome.histograms);
    say("Exemplars", 0);
  }
  return reply;
}

}  // namespace

struct RemoteWrite::Metrics {
  explicit Metrics(prometheus::Registry& registry)
      : requests(CounterFamily(kRequests, registry)),
        taken(CounterFamily(kTaken, registry)),
        by_version{&taken.Add({{"version", "1.0"}}), &taken.Add({{"version", "2.0"}})} {
    auto& family = CounterFamily(kRefused, registry);
    for (std::size_t i = 0; i < kReasons; ++i)
      refused[i] = &family.Add({{"reason", kReasonNames[i]}});
  }

  void Count(const Outcome& outcome, RemoteWriteVersion version) {
    by_version[version == RemoteWriteVersion::k1 ? 0 : 1]->Increment(
        static_cast<double>(outcome.floats + outcome.histograms));
    for (std::size_t i = 0; i < kReasons; ++i) {
      if (outcome.refused[i] > 0) refused[i]->Increment(static_cast<double>(outcome.refused[i]));
    }
  }

  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Counter>& taken;
  std::array<prometheus::Counter*, 2> by_version;
  std::array<prometheus::Counter*, kReasons> refused{};
  std::atomic<int> under_way = 0;
};

std::span<const MetricInfo> RemoteWriteMetrics() { return kMetrics; }

RemoteWrite::RemoteWrite(series::Store& store, Millis retention, const Clock& clock,
                         prometheus::Registry& registry)
    : store_(store),
      retention_(retention),
      clock_(clock),
      metrics_(std::make_unique<Metrics>(registry)) {}

RemoteWrite::~RemoteWrite() = default;

HttpReply RemoteWrite::Answer(const ServerRequest& request) {
  const auto take = [&]() -> HttpReply {
    const auto version = VersionOf(request.Header("content-type"));
    if (!version) {
      return Plain(415,
                   "the content must be application/x-protobuf, of prometheus.WriteRequest "
                   "or io.prometheus.write.v2.Request");
    }
    const std::string_view encoding = request.Header("content-encoding");
    if (!encoding.empty() && encoding != "snappy")
      return Plain(415, "the content must be compressed by Snappy");
    const Result<RemoteWriteRequest> read = ReadRemoteWrite(request.body, *version);
    if (!read.ok())
      return Plain(read.error().reason == Reason::kLimit ? 413 : 400, read.error().message);
    const TimestampMs now = clock_.Now();
    const TimestampMs oldest = retention_.count() > 0 ? now - retention_.count() : 0;
    const Outcome outcome = Taking(*read, *version, store_).Run(oldest, now + kMaxAhead.count());
    metrics_->Count(outcome, *version);
    return ReplyTo(outcome, *version);
  };
  HttpReply reply;
  if (metrics_->under_way.fetch_add(1) < kMaxAtOnce) {
    reply = take();
  } else {
    reply = Plain(503, "too many are writing at once");
    reply.headers.emplace_back("Retry-After", "1");
  }
  metrics_->under_way.fetch_sub(1);
  CountAnswer(reply.status);
  return reply;
}

void RemoteWrite::CountAnswer(int status) {
  metrics_->requests.Add({{"code", std::to_string(status)}}).Increment();
}

}  // namespace tierwatch
