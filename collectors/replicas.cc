#include "collectors/replicas.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/http_client.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

class Replicas final : public Collector {
 public:
  /// The configured primary first.
  Replicas(std::vector<std::shared_ptr<PostgresServer>> servers, std::optional<double> expected)
      : servers_(std::move(servers)), expected_(expected) {}

  Sample Collect(const SampleContext& context) override {
    ReplicationReading reading;
    reading.started = context.clock.Steady();
    reading.expected = expected_;
    for (const auto& server : servers_)
      reading.servers.emplace_back().name = server->address().Name();
    std::vector<Error> errors;
    // Each server gets its fair share of what is left, so that one that hangs leaves time for the
    // others.
    auto left = static_cast<int>(servers_.size());
    for (const std::size_t i : PrimaryFirst(reading)) {
      const SteadyTime deadline = context.clock.Steady() + context.Remaining() / left--;
      Read(context, deadline, *servers_[i], reading.servers[i], errors);
    }
    Sample sample = view_.Judge(reading);
    // What could not be read comes before what follows from it.
    errors.insert(errors.end(), sample.errors.begin(), sample.errors.end());
    sample.errors = std::move(errors);
    return sample;
  }

 private:
  std::vector<std::size_t> PrimaryFirst(const ReplicationReading& reading) const {
    std::vector<std::size_t> order(reading.servers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_partition(order.begin(), order.end(), [&](std::size_t i) {
      return reading.servers[i].name == view_.primary();
    });
    return order;
  }

  void Read(const SampleContext& context, SteadyTime deadline, PostgresServer& server,
            ServerReading& reading, std::vector<Error>& errors) const {
    const bool is_primary = view_.primary().empty() ? &server == servers_.front().get()
                                                    : view_.primary() == reading.name;
    const std::string name = (is_primary ? "primary " : "replica ") + reading.name;
    Result<PostgresSession> session = server.Open(CallOf(context, deadline));
    if (!session.ok()) {
      errors.push_back(std::move(session).error().In(name));
      return;
    }
    const auto status = Ask(*session, ServerStatusQuery(), name, errors);
    if (!status) return;
    Result<ServerStatus> read = ReadServerStatus(*status, context.clock.Steady());
    if (!read.ok()) {
      errors.push_back(std::move(read).error().In(name));
      return;
    }
    reading.status = *std::move(read);
    if (const auto rows = Ask(*session, SendersQuery(), name + ": pg_stat_replication", errors)) {
      reading.senders = ReadSenders(*rows);
    }
    if (const auto rows = Ask(*session, SlotsQuery(session->version()),
                              name + ": pg_replication_slots", errors)) {
      reading.slots = ReadSlots(*rows);
    }
  }

  const std::vector<std::shared_ptr<PostgresServer>> servers_;
  const std::optional<double> expected_;
  ReplicationView view_;
};

// Says what is wrong with the URLs of `key`, and nothing of what is in them.
void CheckUrls(YamlMap& entry, std::string_view key, const std::vector<std::string>& urls) {
  for (const std::string& url : urls) {
    const Result<PostgresAddress> address = ParsePostgresAddress(url);
    if (!address.ok()) {
      entry.diagnostics().Add(entry.Where(key),
                              fmt::format("{}: {}", key, address.error().message));
    }
  }
}

}  // namespace

std::span<const MetricInfo> ReplicasMetrics() { return ReplicationMetrics(); }

CollectorEntry ReadReplicas(YamlMap& entry, std::string_view, CollectorResources& resources) {
  CollectorEntry read;
  if (entry.Require("primary") != nullptr) {
    if (auto primary = entry.String("primary")) read.addresses.push_back(*std::move(primary));
  }
  const std::vector<std::string> replicas = entry.Strings("replicas");
  CheckUrls(entry, "primary", read.addresses);
  CheckUrls(entry, "replicas", replicas);
  std::optional<double> expected;
  if (!replicas.empty()) expected = static_cast<double>(replicas.size());
  if (const auto number = entry.Int("expected_replicas")) {
    if (*number < 0) {
      entry.diagnostics().Add(entry.Where("expected_replicas"),
                              "expected_replicas: expected 0 or more");
    }
    expected = static_cast<double>(*number);
  }
  const Secret password = ReadSecret(entry, "password");
  read.make = [replicas, expected, password,
               servers = SharedServers(resources)](const std::string& url) -> Result<Target> {
    std::vector<std::shared_ptr<PostgresServer>> found;
    std::vector<std::string> all{url};
    all.insert(all.end(), replicas.begin(), replicas.end());
    for (const std::string& each : all) {
      auto server = FindServer(*servers, each, password);
      if (!server.ok()) return std::move(server).error();
      found.push_back(*std::move(server));
    }
    const std::string name = found.front()->address().Name();
    return Target{name, std::make_unique<Replicas>(std::move(found), expected)};
  };
  return read;
}

}  // namespace tierwatch
