#include "alerts/series/batch_shape.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "base/float_text.h"

namespace tierwatch::series {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Multiplies and folds, two words at once: a step of a few cycles for 16 bytes of text.
class Hasher {
 public:
  void Add(std::uint64_t a, std::uint64_t b) {
    shape_.high = Fold(shape_.high ^ a, b ^ 0xa0761d6478bd642fULL);
    shape_.low = Fold(shape_.low ^ b, a ^ 0xe7037ed1a0b428dbULL) + shape_.high;
  }
  void Add(std::string_view text) {
    std::uint64_t a = text.size(), b = 0;
    // Whole words, the last one overlapping the one before it: the length tells which.
    for (; text.size() > 16; text.remove_prefix(16)) Add(Word(text.data()), Word(text.data() + 8));
    if (text.size() >= 8) {
      b = Word(text.data());
      a ^= std::rotl(Word(text.data() + text.size() - 8), 17);
    } else {
      for (const char c : text) b = b << 8 | static_cast<std::uint8_t>(c);
    }
    Add(a, b);
  }
  void Add(double bound) {
    Add(std::isnan(bound) ? 1 : 0, std::isnan(bound) ? 0 : std::bit_cast<std::uint64_t>(bound));
  }
  Shape shape() const { return shape_; }

 private:
  __extension__ using Wide = unsigned __int128;
  static std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t Word(const char* text) {
    std::uint64_t word;
    std::memcpy(&word, text, sizeof word);
    return word;
  }

  Shape shape_{0x8ebc6af09c88c6e3ULL, 0x589965cc75374cc3ULL};
};

bool LacksInfinity(const ClientMetric::Histogram& histogram) {
  return histogram.bucket.empty() || !std::isinf(histogram.bucket.back().upper_bound);
}

void TakeHistogram(const ClientMetric::Histogram& histogram, Hasher& hasher,
                   std::vector<double>& values) {
  hasher.Add(histogram.bucket.size(), 0);
  for (const auto& bucket : histogram.bucket) {
    hasher.Add(bucket.upper_bound);
    values.push_back(static_cast<double>(bucket.cumulative_count));
  }
  const double count = static_cast<double>(histogram.sample_count);
  if (LacksInfinity(histogram)) values.push_back(count);
  values.push_back(histogram.sample_sum);
  values.push_back(count);
}

void TakeSummary(const ClientMetric::Summary& summary, Hasher& hasher,
                 std::vector<double>& values) {
  hasher.Add(summary.quantile.size(), 0);
  for (const auto& quantile : summary.quantile) {
    hasher.Add(quantile.quantile);
    values.push_back(quantile.value);
  }
  values.push_back(summary.sample_sum);
  values.push_back(static_cast<double>(summary.sample_count));
}

void TakeMetric(MetricType type, const ClientMetric& metric, Hasher& hasher,
                std::vector<double>& values) {
  switch (type) {
    case MetricType::Counter:
      return values.push_back(metric.counter.value);
    case MetricType::Gauge:
      return values.push_back(metric.gauge.value);
    case MetricType::Untyped:
      return values.push_back(metric.untyped.value);
    case MetricType::Histogram:
      return TakeHistogram(metric.histogram, hasher, values);
    case MetricType::Summary:
      return TakeSummary(metric.summary, hasher, values);
  }
}

// Names the series of one family, metric by metric.
class FamilySeries {
 public:
  FamilySeries(const MetricFamily& family, Symbols& symbols, LabelSets& sets)
      : type_(family.type), symbols_(symbols), sets_(sets), name_(symbols.Intern(family.name)) {
    if (type_ != MetricType::Histogram && type_ != MetricType::Summary) return;
    sum_ = symbols.Intern(family.name + "_sum");
    count_ = symbols.Intern(family.name + "_count");
    if (type_ == MetricType::Histogram) name_ = symbols.Intern(family.name + "_bucket");
    bound_ = symbols.Intern(type_ == MetricType::Histogram ? "le" : "quantile");
  }

  void Add(std::vector<LabelPair> labels, const ClientMetric& metric) {
    for (const auto& label : metric.label) {
      if (!label.value.empty())
        SetValue(labels, symbols_.Intern(label.name), symbols_.Intern(label.value));
    }
    if (bound_ == kNoText) return Add(labels, name_);
    std::vector<LabelPair> bounded = labels;
    SetValue(bounded, kNameSymbol, name_);
    const auto add = [&](double bound) {
      SetValue(bounded, bound_, symbols_.Intern(FloatLabel(bound)));
      sets_.Add(bounded);
    };
    if (type_ == MetricType::Histogram) {
      for (const auto& bucket : metric.histogram.bucket) add(bucket.upper_bound);
      if (LacksInfinity(metric.histogram)) add(std::numeric_limits<double>::infinity());
    } else {
      for (const auto& quantile : metric.summary.quantile) add(quantile.quantile);
    }
    Add(labels, sum_);
    Add(labels, count_);
  }

 private:
  void Add(std::vector<LabelPair>& labels, Symbol name) {
    SetValue(labels, kNameSymbol, name);
    sets_.Add(labels);
  }

  MetricType type_;
  Symbols& symbols_;
  LabelSets& sets_;
  Symbol name_, sum_ = kNoText, count_ = kNoText, bound_ = kNoText;
};

template <class AnySample>
Shape TakeAnyValues(std::span<const AnySample> samples, std::vector<double>& values) {
  Hasher hasher;
  for (const AnySample& sample : samples) {
    hasher.Add(sample.labels.size(), IsPlain(sample) ? 2 : 3);
    for (const auto& label : sample.labels) {
      hasher.Add(std::string_view(label.name));
      hasher.Add(std::string_view(label.value));
    }
    values.push_back(sample.value);
  }
  return hasher.shape();
}

template <class AnySample>
LabelSets SetsOf(std::span<const AnySample> samples, Symbols& symbols) {
  LabelSets sets;
  for (const AnySample& sample : samples) sets.Add(Interned(symbols, sample.labels));
  return sets;
}

}  // namespace

void LabelSets::Add(LabelPairs labels) {
  pairs_.insert(pairs_.end(), labels.begin(), labels.end());
  ends_.push_back(pairs_.size());
}

Shape TakeValues(const Batch& batch, std::vector<double>& values) {
  Hasher hasher;
  for (const MetricFamily& family : batch.families) {
    hasher.Add(family.name);
    hasher.Add(static_cast<std::uint64_t>(family.type), family.metric.size());
    for (const ClientMetric& metric : family.metric) {
      hasher.Add(metric.label.size(), 1);
      for (const auto& label : metric.label) {
        hasher.Add(label.name);
        hasher.Add(label.value);
      }
      TakeMetric(family.type, metric, hasher, values);
    }
  }
  return hasher.shape();
}

Shape TakeValues(std::span<const Sample> samples, std::vector<double>& values) {
  return TakeAnyValues(samples, values);
}

Shape TakeValues(std::span<const SampleView> samples, std::vector<double>& values) {
  return TakeAnyValues(samples, values);
}

LabelSets SeriesOf(const Batch& batch, const Labels& self_labels, Symbols& symbols) {
  std::vector<LabelPair> shared = Interned(symbols, self_labels);
  for (const LabelPair& label : Interned(symbols, batch.target_labels))
    SetValue(shared, label.name, label.value);
  LabelSets sets;
  for (const MetricFamily& family : batch.families) {
    FamilySeries series(family, symbols, sets);
    for (const ClientMetric& metric : family.metric) series.Add(shared, metric);
  }
  return sets;
}

LabelSets SeriesOf(std::span<const Sample> samples, Symbols& symbols) {
  return SetsOf(samples, symbols);
}

LabelSets SeriesOf(std::span<const SampleView> samples, Symbols& symbols) {
  return SetsOf(samples, symbols);
}

}  // namespace tierwatch::series
