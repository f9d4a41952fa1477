#include "collectors/redis_keys.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "collectors/foreign_text.h"

namespace tierwatch {
namespace {

using Kind = RedisReply::Kind;
constexpr auto kGauge = prometheus::MetricType::Gauge;
constexpr std::size_t kMaxPatterns = 64;
constexpr std::int64_t kMaxBudget = 10'000'000;
constexpr std::int64_t kBatch = 200;
constexpr std::size_t kMostOfABatch = 4 * kBatch;  // a bucket of SCAN may hold more than was asked
constexpr double kMostAtOnce = 2'000;
constexpr Millis kStep{100};
constexpr std::size_t kMaxMatchedBytes = 1'024;  // of a key; a longer one matches no pattern
constexpr std::string_view kOther = "other";

constexpr MetricInfo kGroupKeys{
    "tierwatch_redis_key_group_keys",
    kGauge,
    "Keys of the group, estimated from a sample; group is the configured pattern, other the rest.",
    {"group"}};
constexpr MetricInfo kGroupBytes{
    "tierwatch_redis_key_group_bytes",
    kGauge,
    "Memory of the group's keys (MEMORY USAGE), estimated from a sample.",
    {"group"}};
constexpr MetricInfo kGroupLargest{"tierwatch_redis_key_group_largest_bytes",
                                   kGauge,
                                   "Memory of the group's largest key in the last round.",
                                   {"group"}};
constexpr MetricInfo kSampled{"tierwatch_redis_keys_sampled", kGauge,
                              "Keys that the last round of sampling looked at."};
constexpr MetricInfo kSampledAt{"tierwatch_redis_keys_sampled_timestamp_seconds", kGauge,
                                "When the last round of sampling keys ended."};
constexpr MetricInfo kMetrics[] = {kGroupKeys, kGroupBytes, kGroupLargest, kSampled, kSampledAt};

}  // namespace

KeySampling ReadKeySampling(const YamlNode& node, Diagnostics& diagnostics) {
  YamlMap map(node, "keys", diagnostics);
  KeySampling keys;
  keys.patterns = map.Strings("patterns");
  keys.budget = map.Int("budget").value_or(keys.budget);
  keys.interval = map.Duration("interval").value_or(keys.interval);
  if (keys.patterns.size() > kMaxPatterns)
    diagnostics.Add(map.Where("patterns"), fmt::format("at most {} patterns", kMaxPatterns));
  if (keys.budget < 1 || keys.budget > kMaxBudget)
    diagnostics.Add(map.Where("budget"), fmt::format("budget must be 1 to {}", kMaxBudget));
  if (keys.interval.count() <= 0)
    diagnostics.Add(map.Where("interval"), "interval must be longer than 0");
  std::vector<std::string> sorted = keys.patterns;
  std::sort(sorted.begin(), sorted.end());
  const bool twice = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (twice || std::binary_search(sorted.begin(), sorted.end(), kOther))
    diagnostics.Add(map.Where("patterns"), "patterns must differ, and none may be \"other\"");
  return keys;
}

std::span<const MetricInfo> RedisKeyMetrics() { return kMetrics; }

void KeyGroup::Add(double size) {
  ++sized;
  bytes += size;
  largest = std::max(largest, size);
}

RedisKeySampler::RedisKeySampler(KeySampling options) : options_(std::move(options)) {}

Result<void> RedisKeySampler::Step(RedisClient& client, const SampleContext& context) {
  const SteadyTime now = context.clock.Steady();
  const Millis passed =
      last_step_ ? std::chrono::duration_cast<Millis>(now - *last_step_) : options_.interval / 10;
  last_step_ = now;
  if (!round_ && last_round_ && now - *last_round_ < options_.interval) return {};
  if (!round_) BeginRound(now);
  const double share =
      static_cast<double>(passed.count()) / static_cast<double>(options_.interval.count());
  due_ = std::min(due_ + share * static_cast<double>(options_.budget), kMostAtOnce);
  const Deadline deadline{context.clock, std::min(context.deadline, now + kStep), context.stop};
  while (round_ && due_ >= 1 && deadline.Left() > kStep / 2) {
    const std::int64_t left = options_.budget - round_->seen;
    const std::int64_t count = std::min({kBatch, left, static_cast<std::int64_t>(due_)});
    const Result<std::vector<std::string>> keys = Scan(client, deadline, count);
    if (!keys.ok()) return Error{keys.error()};
    due_ -= static_cast<double>(std::max<std::int64_t>(std::ssize(*keys), count));
    Result<void> sized = Size(client, deadline, *keys);
    if (cursor_ == "0" || round_->seen >= options_.budget) EndRound(context.clock.Now());
    if (!sized.ok()) return std::move(sized).error().In("MEMORY USAGE");
  }
  return {};
}

void RedisKeySampler::BeginRound(SteadyTime now) {
  round_ = Round{.start = now, .groups = std::vector<KeyGroup>(options_.patterns.size() + 1)};
  last_round_ = now;
}

Result<std::vector<std::string>> RedisKeySampler::Scan(RedisClient& client,
                                                       const Deadline& deadline,
                                                       std::int64_t count) {
  const RedisCommand commands[] = {{"DBSIZE"}, {"SCAN", cursor_, "COUNT", std::to_string(count)}};
  Result<std::vector<RedisReply>> replies = client.Run(commands, deadline);
  if (!replies.ok()) return std::move(replies).error().In("SCAN");
  const RedisReply& size = (*replies)[0];
  RedisReply& scan = (*replies)[1];
  for (const RedisReply* reply : {&size, static_cast<const RedisReply*>(&scan)}) {
    if (reply->IsError()) return RedisError(*reply).In(reply == &size ? "DBSIZE" : "SCAN");
  }
  const bool usable = size.kind == Kind::kInteger && size.integer >= 0 && scan.items.size() == 2 &&
                      scan.items[0].kind == Kind::kText && scan.items[0].text.size() <= 20 &&
                      scan.items[1].items.size() <= kMostOfABatch;
  if (!usable) return Error{"SCAN: a reply of another kind than expected", Reason::kParse};
  round_->database_size = static_cast<double>(size.integer);
  cursor_ = scan.items[0].text;
  std::vector<std::string> keys;
  for (RedisReply& key : scan.items[1].items) keys.push_back(std::move(key.text));
  for (const std::string& key : keys) ++round_->groups[GroupOf(key)].keys;
  round_->seen += std::ssize(keys);
  return keys;
}

// A key may be gone by now: nil.
Result<void> RedisKeySampler::Size(RedisClient& client, const Deadline& deadline,
                                   const std::vector<std::string>& keys) {
  std::vector<RedisCommand> commands;
  for (const std::string& key : keys) commands.push_back({"MEMORY", "USAGE", key});
  if (commands.empty()) return {};
  const Result<std::vector<RedisReply>> sizes = client.Run(commands, deadline);
  if (!sizes.ok()) return Error{sizes.error()};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const RedisReply& size = (*sizes)[i];
    if (size.IsError()) return RedisError(size);
    if (size.kind == Kind::kInteger && size.integer >= 0)
      round_->groups[GroupOf(keys[i])].Add(static_cast<double>(size.integer));
  }
  return {};
}

void RedisKeySampler::EndRound(TimestampMs now) {
  sampled_ = static_cast<double>(round_->seen);
  scale_ = round_->seen > 0 ? std::max(1.0, round_->database_size / sampled_) : 0;
  done_ = std::move(round_->groups);
  done_at_ = now;
  round_.reset();
  due_ = 0;
}

std::size_t RedisKeySampler::GroupOf(const std::string& key) const {
  const auto matches = [&key](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), key.c_str(), 0) == 0;
  };
  if (key.size() > kMaxMatchedBytes) return options_.patterns.size();
  const auto found = std::find_if(options_.patterns.begin(), options_.patterns.end(), matches);
  return static_cast<std::size_t>(found - options_.patterns.begin());
}

void RedisKeySampler::AddTo(FamilySet& families) const {
  if (done_at_ == 0) return;
  for (std::size_t i = 0; i < done_.size(); ++i) {
    const KeyGroup& group = done_[i];
    const std::string name =
        i < options_.patterns.size() ? LabelText(options_.patterns[i]) : std::string(kOther);
    const double keys = static_cast<double>(group.keys) * scale_;
    families.Add(kGroupKeys, {name}, keys);
    if (group.sized == 0 && group.keys > 0) continue;  // sizes are not to be had
    const double mean = group.sized == 0 ? 0 : group.bytes / static_cast<double>(group.sized);
    families.Add(kGroupBytes, {name}, mean * keys);
    if (group.sized > 0) families.Add(kGroupLargest, {name}, group.largest);
  }
  families.Add(kSampled, {}, sampled_);
  families.Add(kSampledAt, {}, static_cast<double>(done_at_) / 1e3);
}

}  // namespace tierwatch
