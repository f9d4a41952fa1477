// One sample is two round trips on a connection that stays open: a PING that is timed, and
// everything else in one pipeline. In the pipeline the PING would wait for INFO and measure that.
#include "collectors/redis_collector.h"

#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "collectors/redis_metrics.h"
#include "collectors/redis_sample.h"

namespace tierwatch {
namespace {

using namespace redis;

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

class Redis final : public Collector {
 public:
  Redis(RedisOptions options, RedisWatch watch)
      : client_(std::move(options)),
        watch_(std::move(watch)),
        queries_(RedisQueries(watch_.kind, watch_.primary)),
        unknown_(queries_.size()) {
    if (watch_.keys) keys_.emplace(*watch_.keys);
  }

  Sample Collect(const SampleContext& context) override {
    const Deadline deadline{context.clock, context.deadline, context.stop};
    const Result<RedisReply> pong = Ping(deadline);
    if (!pong.ok()) return Sample::Down(Error{pong.error()}, Own(false));
    if (pong->IsError("NOAUTH")) return Sample::Down(RedisError(*pong), Own(false));
    Result<RedisReplies> replies = Ask(deadline);
    if (!replies.ok()) return Sample::Down(std::move(replies).error(), Own(false));
    Sample sample = RedisSample(*replies, {context.clock.Now(), context.clock.Steady()}, process_);
    if (sample.members) CompleteAddresses(*sample.members);
    // A user without the right to PING was answered all the same; a server that is loading or busy
    // can't serve.
    const bool serves = !pong->IsError() || pong->IsError("NOPERM");
    if (pong->IsError()) sample.errors.push_back(RedisError(*pong).In("PING"));
    // A primary's replicas hold the same keys.
    if (keys_ && serves && !process_.is_replica) {
      if (Result<void> step = keys_->Step(client_, context); !step.ok())
        sample.errors.push_back(std::move(step).error());
    }
    std::vector<prometheus::MetricFamily> families = Own(serves);
    std::move(sample.families.begin(), sample.families.end(), std::back_inserter(families));
    sample.families = std::move(families);
    context.kept(client_.socket());
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
    if (std::exchange(known_on_, client_.connections()) != client_.connections())
      unknown_.assign(queries_.size(), false);
    std::vector<RedisCommand> commands;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      if (unknown_[i]) continue;
      commands.push_back(queries_[i].command);
      places.push_back(i);
    }
    Result<std::vector<RedisReply>> answers = client_.Run(commands, deadline);
    if (!answers.ok()) return std::move(answers).error().In("INFO");
    RedisReplies replies;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const std::size_t place = places[i];
      unknown_[place] = place != 0 && IsUnknownCommand((*answers)[i]);
      replies.*queries_[place].reply = std::move((*answers)[i]);
    }
    return replies;
  }

  void CompleteAddresses(Members& members) const {
    for (std::string& address : members.addresses) address.insert(0, watch_.members);
    if (!members.self.empty()) members.self.insert(0, watch_.members);
  }

  // What is known whatever the server says.
  std::vector<prometheus::MetricFamily> Own(bool up) const {
    FamilySet families;
    families.Add(kUp, {}, up ? 1 : 0);
    if (!watch_.tier.empty()) families.Add(kTierInfo, {watch_.tier}, 1);
    families.AddHistogram(kProbeDuration, {}, probe_.Read());
    if (up && keys_ && !process_.is_replica) keys_->AddTo(families);
    return std::move(families).Take();
  }

  RedisClient client_;
  const RedisWatch watch_;
  const std::vector<RedisQuery> queries_;
  ProbeHistogram probe_;
  RedisProcess process_;
  std::optional<RedisKeySampler> keys_;
  int known_on_ = 0;
  std::vector<bool> unknown_;  // by query
};

}  // namespace

std::unique_ptr<Collector> MakeRedisCollector(RedisOptions options, RedisWatch watch) {
  return std::make_unique<Redis>(std::move(options), std::move(watch));
}

}  // namespace tierwatch
