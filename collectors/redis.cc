// One sample is two round trips on a connection that stays open: a PING that is timed, and
// everything else in one pipeline. What the replies mean is redis_sample's business.
#include "collectors/redis.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <utility>

#include "base/http_client.h"
#include "collectors/client/redis_client.h"
#include "collectors/redis_metrics.h"
#include "collectors/redis_sample.h"

namespace tierwatch {
namespace {

using namespace redis;

constexpr int kDefaultPort = 6379;

// The round trips of all samples so far.
class ProbeHistogram {
 public:
  void Observe(double seconds) {
    for (std::size_t i = 0; i < kBounds.size(); ++i) counts_[i] += seconds <= kBounds[i] ? 1 : 0;
    ++count_;
    sum_ += seconds;
  }

  prometheus::ClientMetric::Histogram Read() const {
    prometheus::ClientMetric::Histogram histogram;
    for (std::size_t i = 0; i < kBounds.size(); ++i)
      histogram.bucket.push_back({counts_[i], kBounds[i]});
    histogram.bucket.push_back({count_, std::numeric_limits<double>::infinity()});
    histogram.sample_count = count_;
    histogram.sample_sum = sum_;
    return histogram;
  }

 private:
  static constexpr std::array<double, 16> kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                  0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                  1,      2.5,     5,      10};
  std::array<std::uint64_t, kBounds.size()> counts_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

// The pipeline, and where each reply belongs.
struct Query {
  RedisCommand command;
  RedisReply RedisReplies::*reply;
};

const std::array<Query, 5>& Queries() {
  static const std::array<Query, 5> kQueries{
      {{{"INFO", "ALL"}, &RedisReplies::info},
       {{"SLOWLOG", "LEN"}, &RedisReplies::slowlog_length},
       {{"SLOWLOG", "GET", "1"}, &RedisReplies::slowlog_newest},
       {{"LATENCY", "LATEST"}, &RedisReplies::latency_events},
       {{"LATENCY", "HISTOGRAM"}, &RedisReplies::latency_histograms}}};
  return kQueries;
}

class Redis final : public Collector {
 public:
  Redis(RedisOptions options, std::string tier)
      : client_(std::move(options)), tier_(std::move(tier)) {}

  Sample Collect(const SampleContext& context) override {
    const Deadline deadline{context.clock, context.deadline, context.stop};
    const Result<RedisReply> pong = Ping(deadline);
    if (!pong.ok()) return Sample::Down(Error{pong.error()}, Own(false));
    if (pong->IsError("NOAUTH")) return Sample::Down(RedisError(*pong), Own(false));
    Result<RedisReplies> replies = Ask(deadline);
    if (!replies.ok()) return Sample::Down(std::move(replies).error(), Own(false));
    Sample sample = RedisSample(*replies, context.clock.Now(), process_);
    // A user without the right to PING was answered all the same; a server that is loading or busy
    // can't serve.
    const bool serves = !pong->IsError() || pong->IsError("NOPERM");
    if (pong->IsError()) sample.errors.push_back(RedisError(*pong).In("PING"));
    std::vector<prometheus::MetricFamily> families = Own(serves);
    std::move(sample.families.begin(), sample.families.end(), std::back_inserter(families));
    sample.families = std::move(families);
    return sample;
  }

 private:
  Result<RedisReply> Ping(const Deadline& deadline) {
    if (Result<void> connected = client_.Connect(deadline); !connected.ok())
      return std::move(connected).error();
    const SteadyTime start = deadline.clock.Steady();
    const RedisCommand ping{"PING"};
    Result<std::vector<RedisReply>> replies = client_.Run({&ping, 1}, deadline);
    if (!replies.ok()) return std::move(replies).error().In("PING");
    probe_.Observe(std::chrono::duration<double>(deadline.clock.Steady() - start).count());
    return std::move(replies->front());
  }

  Result<RedisReplies> Ask(const Deadline& deadline) {
    // What a server did not know is not asked again on this connection: a newer one may answer on
    // the next.
    if (std::exchange(known_on_, client_.connections()) != client_.connections()) unknown_ = {};
    std::vector<RedisCommand> commands;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < Queries().size(); ++i) {
      if (unknown_[i]) continue;
      commands.push_back(Queries()[i].command);
      places.push_back(i);
    }
    Result<std::vector<RedisReply>> answers = client_.Run(commands, deadline);
    if (!answers.ok()) return std::move(answers).error().In("INFO");
    RedisReplies replies;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::size_t place = places[i];
      unknown_[place] = place != 0 && IsUnknownCommand((*answers)[i]);
      replies.*Queries()[place].reply = std::move((*answers)[i]);
    }
    return replies;
  }

  // What is known whatever the server says.
  std::vector<prometheus::MetricFamily> Own(bool up) const {
    FamilySet families;
    families.Add(kUp, {}, up ? 1 : 0);
    if (!tier_.empty()) families.Add(kTierInfo, {tier_}, 1);
    families.AddHistogram(kProbeDuration, {}, probe_.Read());
    return std::move(families).Take();
  }

  RedisClient client_;
  const std::string tier_;
  ProbeHistogram probe_;
  RedisProcess process_;
  int known_on_ = 0;
  std::array<bool, 5> unknown_{};
};

// The keys of an entry that come later: a value that would be ignored is refused by its name.
void RefuseUnbuilt(YamlMap& entry) {
  for (const std::string_view key : {"sentinel", "keys"}) {
    if (entry.Get(key) == nullptr) continue;
    entry.diagnostics().Add(entry.Where(key),
                            fmt::format("redis: {} is not supported by this version", key));
  }
  if (entry.Bool("cluster").value_or(false)) {
    entry.diagnostics().Add(
        entry.Where("cluster"),
        "redis: cluster: true is not supported by this version; name each node as a target");
  }
}

// The database of "redis://host:port/2".
Result<int> ParseDatabase(std::string_view path) {
  if (path.empty() || path == "/") return 0;
  int database = 0;
  const char* end = path.data() + path.size();
  const auto [stop, code] = std::from_chars(path.data() + 1, end, database);
  if (code == std::errc{} && stop == end && database >= 0) return database;
  return Error{"the path of a Redis URL is the number of a database", Reason::kParse};
}

// `options` are the entry's; a URL's own user and password win.
Result<Target> MakeTarget(const std::string& address, RedisOptions options,
                          const std::string& tier) {
  const Result<Url> url = ParseUrl(address);
  if (!url.ok()) return Error{url.error()};
  const Result<int> database = ParseDatabase(url->path);
  if (!database.ok()) return Error{database.error()};
  options.address.host = url->host;
  options.address.port = url->port == 0 ? kDefaultPort : url->port;
  options.address.tls = url->scheme == "rediss";
  options.database = *database;
  if (!url->user.empty()) options.username = url->user;
  if (!url->password.empty()) options.password = Secret{url->password, ""};
  return Target{url->HostPort(kDefaultPort), std::make_unique<Redis>(std::move(options), tier)};
}

}  // namespace

std::span<const MetricInfo> RedisMetrics() {
  static const std::vector<MetricInfo> kAll = [] {
    std::vector<MetricInfo> all(std::begin(kNamed), std::end(kNamed));
    for (const InfoMetric& row : kInfoMetrics) all.push_back(row.metric);
    return all;
  }();
  return kAll;
}

CollectorEntry ReadRedis(YamlMap& entry, std::string_view, CollectorResources&) {
  RedisOptions options;
  std::vector<std::string> targets = ReadTargets(entry, {"redis", "rediss"});
  options.username = entry.String("username").value_or("");
  options.password = ReadSecret(entry, "password");
  if (!options.username.empty() && options.password.empty()) {
    entry.diagnostics().Add(entry.Where("username"),
                            "a username needs a password or password_file");
  }
  if (const YamlNode* tls = entry.Get("tls")) {
    options.address.tls_options = ReadTlsOptions(*tls, entry.diagnostics());
  }
  std::string tier = entry.String("tier").value_or("");
  RefuseUnbuilt(entry);
  for (const std::string& target : targets) {
    const Result<Target> made = MakeTarget(target, options, tier);
    if (!made.ok()) entry.diagnostics().Add(entry.Where("targets"), made.error().message);
  }
  return {std::move(targets), [options, tier](const std::string& address) {
            return MakeTarget(address, options, tier);
          }};
}

}  // namespace tierwatch
