#include "collectors/cache_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "collectors/cache_health_metrics.h"
#include "collectors/claims.h"
#include "collectors/foreign_text.h"
#include "collectors/json.h"
#include "collectors/tiering.h"

namespace tierwatch {
namespace {

using namespace cache_health;

constexpr std::size_t kMaxTiers = 64;
constexpr std::size_t kMaxDependencies = 64;
// What `fields` and `tier_fields` may say to be elsewhere.
constexpr std::string_view kFields[] = {
    "status", "healthy", "version", "timestamp",   "uptime",      "available",     "entries",
    "hits",   "misses",  "errors",  "latency_p50", "latency_p95", "last_hit_tier", "tiers"};
constexpr std::string_view kTierFields[] = {"name",        "type",        "available",  "entries",
                                            "max_entries", "hits",        "misses",     "errors",
                                            "evictions",   "latency_p50", "latency_p95"};
constexpr std::string_view kStates[] = {"healthy", "degraded", "unhealthy", "error", "unknown"};

struct Tier {
  std::string name;
  std::string type;
  std::string level;  // "L1", or "" where it is not known
};

// One answer on its way to samples.
class Answer {
 public:
  Answer(const Json& root, const CacheShape& shape, InstanceWatch& watch)
      : root_(root), shape_(shape), watch_(watch), stats_(FindStats()) {}

  Sample Read() && {
    ReadInstance();
    ReadTiers();
    ReadTotals();
    ReadLastHit();
    ReadExpected();
    ReadStatus();
    ReadDependencies();
    return std::move(claims_).Take();
  }

 private:
  // The statistics of the cache among those of other dependencies.
  const Json& FindStats() const {
    const std::vector<Json>& dependencies = root_["dependencies"].items();
    const auto named = [](const Json& one) { return one["name"].Text() == "CacheBackend"; };
    const auto typed = [](const Json& one) { return !one["stats"]["type"].IsNull(); };
    auto found = std::find_if(dependencies.begin(), dependencies.end(), named);
    if (found == dependencies.end())
      found = std::find_if(dependencies.begin(), dependencies.end(), typed);
    return found == dependencies.end() ? root_["stats"] : (*found)["stats"];
  }

  // Where the configuration says that it is, else where the known shapes have it.
  const Json& Field(std::string_view name, const Json& usual) const {
    const auto at = shape_.fields.find(name);
    return at == shape_.fields.end() ? usual : root_.At(at->second);
  }

  const Json& Available() const {
    return Field("available", stats_.IsNull() ? root_["healthy"] : stats_["available"]);
  }
  const Json& Entries() const { return Field("entries", stats_["entries"]); }

  void ReadInstance() {
    const Json& timestamp = Field("timestamp", root_["timestamp"]);
    const Json& up_for = Field("uptime", root_["uptime"]);
    const std::optional<TimestampMs> time = timestamp.Time();
    const std::optional<double> uptime = up_for.Number();
    if (time) claims_.Add(kTimestamp, {}, static_cast<double>(*time) / 1e3);
    if (!timestamp.IsNull() && !time)
      claims_.Problem({"timestamp: no usable time", Reason::kParse});
    if (!up_for.IsNull() && (!uptime || *uptime < 0)) {
      claims_.Problem({"uptime: no usable number", Reason::kParse});
    }
    if (!time || !uptime || *uptime < 0) return;
    const double start = static_cast<double>(*time) / 1e3 - *uptime;
    if (start < 0) return;
    watch_.Observe(start);
    claims_.Add(kStartTime, {}, start);
    claims_.Add(kInstanceChanges, {}, static_cast<double>(watch_.changes()));
    if (watch_.several()) {
      claims_.Problem(
          {"several instances answer in turn: counters are withheld (name each instance as a "
           "target)"});
    }
  }

  void ReadTiers() {
    const Json& tiers = Field("tiers", stats_["metadata"]["tiers"]);
    const std::size_t size = tiers.items().size() + tiers.members().size();
    for (std::size_t i = 0; i < std::min(size, kMaxTiers); ++i) {
      if (tiers.IsMap()) ReadTier(tiers.members()[i].second, LabelText(tiers.members()[i].first));
      if (!tiers.IsMap()) ReadTier(tiers.items()[i], "");
    }
    if (size > kMaxTiers)
      claims_.Problem({fmt::format("over {} tiers", kMaxTiers), Reason::kLimit});
    if (!tiers.IsNull()) return;
    // An untiered cache is its own only tier; it goes by its type.
    const Json& type = stats_.IsNull() ? root_["backend"] : stats_["type"];
    const std::optional<std::string> name = type.Text();
    if (!name || *name == "tiered") return;
    tiers_.push_back({*name, *name, TierLevel(*name, *name)});
    claims_.Flag(kTierAvailable, {*name, *name}, Available());
    claims_.Number(kTierEntries, {*name}, Entries());
  }

  void ReadTier(const Json& tier, const std::string& key) {
    const auto field = [&](std::string_view name, const Json& usual) -> const Json& {
      const auto at = shape_.tier_fields.find(name);
      return at == shape_.tier_fields.end() ? usual : tier.At(at->second);
    };
    // Backends put a tier's own figures beside its name or among its metadata.
    const auto value = [&](std::string_view name, std::string_view usual) -> const Json& {
      const Json& nested = tier["metadata"][usual];
      return field(name, nested.IsNull() ? tier[usual] : nested);
    };
    const std::string type = field("type", tier["type"]).Text().value_or("");
    const std::string name = field("name", tier["name"]).Text().value_or(key.empty() ? type : key);
    if (name.empty()) return claims_.Problem({"a tier without a name", Reason::kParse});
    if (!names_.insert(name).second)
      return claims_.Problem({"two tiers of one name", Reason::kParse});
    tiers_.push_back({name, type, TierLevel(name, type)});
    claims_.Flag(kTierAvailable, {name, type}, field("available", tier["available"]));
    claims_.Number(kTierEntries, {name}, value("entries", "entries"));
    claims_.Number(kTierMaxEntries, {name}, value("max_entries", "maxEntries"));
    Counter(kTierHits, {name}, value("hits", "hits"));
    Counter(kTierMisses, {name}, value("misses", "misses"));
    Counter(kTierErrors, {name}, value("errors", "errors"));
    Counter(kTierEvictions, {name}, value("evictions", "evictions"));
    Latency(kTierLatencyP50, {name}, value("latency_p50", "latencyP50"));
    Latency(kTierLatencyP95, {name}, value("latency_p95", "latencyP95"));
  }

  void ReadTotals() {
    claims_.Flag(kAvailable, {}, Available());
    claims_.Number(kEntries, {}, Entries());
    Counter(kHits, {}, Field("hits", Totals()["hits"]));
    Counter(kMisses, {}, Field("misses", Totals()["misses"]));
    Counter(kErrors, {}, Field("errors", Totals()["errors"]));
    Latency(kLatencyP50, {}, Field("latency_p50", Totals()["latencyP50"]));
    Latency(kLatencyP95, {}, Field("latency_p95", Totals()["latencyP95"]));
  }

  void ReadLastHit() {
    const std::optional<std::string> last = Field("last_hit_tier", Totals()["lastHitTier"]).Text();
    if (!last) return;
    for (const Tier& tier : tiers_)
      claims_.Add(kLastHitTier, {tier.name}, tier.name == *last ? 1 : 0);
    const auto is_last = [&last](const Tier& tier) { return tier.name == *last; };
    if (std::none_of(tiers_.begin(), tiers_.end(), is_last)) claims_.Add(kLastHitTier, {*last}, 1);
  }

  // Says nothing where the answer names no tier: what is there is then unknown.
  void ReadExpected() {
    const std::vector<std::string>& expected = shape_.expected;
    if (expected.empty() || tiers_.empty()) return;
    std::set<std::string_view> seen;
    for (const Tier& tier : tiers_) {
      const bool wanted = std::find(expected.begin(), expected.end(), tier.level) != expected.end();
      claims_.Add(kTierExpected, {tier.name}, wanted ? 1 : 0);
      seen.insert(tier.level);
    }
    for (const std::string& level : expected) {
      if (!seen.contains(level) && !names_.contains(level)) claims_.Add(kTierExpected, {level}, 1);
    }
  }

  void ReadStatus() {
    std::string status = Field("status", root_["status"]).Text().value_or("");
    const std::optional<bool> healthy = Field("healthy", root_["healthy"]).Bool();
    if (status.empty() && healthy) status = *healthy ? "healthy" : "unhealthy";
    if (status.empty()) status = "unknown";
    if (std::find(std::begin(kStates), std::end(kStates), status) == std::end(kStates))
      status = "unknown";
    claims_.State(kStatus, status, kStates);
    claims_.Add(kInfo, {Field("version", root_["version"]).Text().value_or(""), Tiering(), status},
                1);
    if (status == "error") {
      const Json& detail = root_["error"].IsNull() ? root_["message"] : root_["error"];
      claims_.Problem({"the backend says that it failed: " + detail.Text().value_or("no detail")});
    }
  }

  void ReadDependencies() {
    std::set<std::string> names;
    for (const Json& dependency : root_["dependencies"].items()) {
      const std::optional<std::string> name = dependency["name"].Text();
      if (!name) continue;
      if (names.size() == kMaxDependencies) {
        return claims_.Problem(
            {fmt::format("over {} dependencies", kMaxDependencies), Reason::kLimit});
      }
      if (!names.insert(*name).second) continue;
      if (const std::optional<std::string> error = dependency["error"].Text()) {
        claims_.Problem({fmt::format("dependency {}: {}", *name, *error)});
      }
      if (const std::optional<bool> healthy = IsHealthy(dependency)) {
        claims_.Add(kDependencyHealthy, {*name}, *healthy ? 1 : 0);
      }
    }
  }

  // `status` is a word; `health`, which other dependencies have, is a word, a flag or a map of
  // them.
  static std::optional<bool> IsHealthy(const Json& dependency) {
    const Json& health = dependency["health"];
    for (const Json* word : {&dependency["status"], &health, &health["status"]}) {
      if (const std::optional<bool> flag = word->Bool()) return flag;
      if (const std::optional<std::string> text = word->Text()) return text == "healthy";
    }
    if (const std::optional<bool> flag = health["healthy"].Bool()) return flag;
    if (!dependency["error"].IsNull()) return false;
    return std::nullopt;
  }

  void Counter(const MetricInfo& info, Claims::LabelValues labels, const Json& value) {
    if (!watch_.several()) claims_.Number(info, labels, value);
  }

  void Latency(const MetricInfo& info, Claims::LabelValues labels, const Json& value) {
    claims_.Number(info, labels, value, shape_.latency_units);
  }

  const Json& Totals() const {
    const Json& totals = root_["tierMetrics"];
    return totals.IsNull() ? stats_["metadata"]["metrics"] : totals;
  }

  // "L1L2", as the configuration writes it.
  std::string Tiering() const {
    std::set<std::string> levels;
    for (const Tier& tier : tiers_) levels.insert(tier.level);
    std::string text;
    for (const std::string& level : levels) text += level;
    return text;
  }

  const Json& root_;
  const CacheShape& shape_;
  InstanceWatch& watch_;
  const Json& stats_;
  Claims claims_;
  std::vector<Tier> tiers_;
  std::set<std::string> names_;
};

class CacheHealth final : public Collector {
 public:
  CacheHealth(const std::string& url, HttpOptions http, std::string path, CacheShape shape)
      : backend_(url, std::move(http)), path_(std::move(path)), shape_(std::move(shape)) {}

  Sample Collect(const SampleContext& context) override {
    const Result<HttpResponse> answer =
        backend_.Get(path_, context.Remaining(), context.stop, context.kept);
    if (!answer.ok()) return Sample::Down(Error{answer.error()}.In(path_));
    // A backend that is unwell may say so with a status of 503 and the body of every day.
    Sample sample = CacheHealthSample(answer->body, shape_, watch_);
    if (answer->status / 100 == 2) return sample;
    if (!sample.up) return Sample::Down(StatusError(answer->status).In(path_));
    sample.errors.push_back(StatusError(answer->status).In(path_));
    return sample;
  }

 private:
  Backend backend_;
  const std::string path_;
  const CacheShape shape_;
  InstanceWatch watch_;
};

// How many of the configured unit are a second.
double ReadLatencyUnits(YamlMap& entry) {
  const std::string unit = entry.String("latency_unit").value_or("ms");
  constexpr std::pair<std::string_view, double> kUnits[] = {{"s", 1}, {"ms", 1e3}, {"us", 1e6}};
  for (const auto& [name, in_a_second] : kUnits) {
    if (unit == name) return in_a_second;
  }
  entry.diagnostics().Add(entry.Where("latency_unit"),
                          fmt::format("expected s, ms or us, not \"{}\"", unit));
  return 1e3;
}

}  // namespace

std::span<const MetricInfo> CacheHealthMetrics() { return kMetrics; }

Sample CacheHealthSample(std::string_view body, const CacheShape& shape, InstanceWatch& watch) {
  const Result<Json> root = Json::Parse(body);
  if (!root.ok()) return Sample::Down(Error{root.error()});
  constexpr std::string_view kMarks[] = {"status", "healthy", "dependencies", "tierMetrics"};
  const bool known = std::any_of(std::begin(kMarks), std::end(kMarks),
                                 [&](std::string_view key) { return !(*root)[key].IsNull(); });
  const bool named = std::any_of(shape.fields.begin(), shape.fields.end(), [&](const auto& field) {
    return !root->At(field.second).IsNull();
  });
  if (!known && !named) {
    return Sample::Down(Error{
        "no health answer: neither status, healthy, dependencies nor tierMetrics", Reason::kParse});
  }
  return Answer(*root, shape, watch).Read();
}

CacheShape ReadCacheShape(YamlMap& entry) {
  CacheShape shape;
  shape.fields = ReadPointers(entry, "fields", kFields);
  shape.tier_fields = ReadPointers(entry, "tier_fields", kTierFields);
  shape.latency_units = ReadLatencyUnits(entry);
  const std::optional<std::string> text = entry.String("expected_tiering");
  if (!text) return shape;
  Result<std::vector<std::string>> levels = ParseTiering(*text);
  if (!levels.ok()) {
    entry.diagnostics().Add(entry.Where("expected_tiering"), levels.error().message);
  } else {
    shape.expected = std::move(levels).value();
  }
  return shape;
}

CollectorEntry ReadCacheHealth(YamlMap& entry, std::string_view, CollectorResources&) {
  BackendKeys keys = ReadBackendKeys(entry);
  const std::string path = entry.String("path").value_or("/cache/health");
  if (!path.starts_with('/')) {
    entry.diagnostics().Add(entry.Where("path"),
                            fmt::format("a path begins with /, not \"{}\"", path));
  }
  const CacheShape shape = ReadCacheShape(entry);
  auto make = [http = std::move(keys.http), path, shape](const std::string& url) -> Result<Target> {
    Result<std::string> name = BackendName(url);
    if (!name.ok()) return std::move(name).error();
    return Target{std::move(name).value(), std::make_unique<CacheHealth>(url, http, path, shape)};
  };
  return {std::move(keys.targets), std::move(make)};
}

}  // namespace tierwatch
