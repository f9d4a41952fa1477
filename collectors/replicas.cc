#include "collectors/replicas.h"

#include <fmt/format.h>

#include <utility>

#include "base/http_client.h"
#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

class Replicas final : public Collector {
 public:
  Replicas(std::shared_ptr<PostgresServer> primary,
           std::vector<std::shared_ptr<PostgresServer>> replicas, std::optional<double> expected)
      : primary_(std::move(primary)), replicas_(std::move(replicas)), expected_(expected) {}

  Sample Collect(const SampleContext& context) override {
    ReplicationReading reading;
    reading.started = context.clock.Steady();
    reading.primary_name = primary_->address().Name();
    reading.expected = expected_;
    std::vector<Error> errors;
    // The primary first: a replica that is read later is never ahead of it. Each server gets its
    // fair share of what is left, so that one that hangs leaves time for the others.
    auto left = static_cast<int>(replicas_.size()) + 1;
    ReadPrimary(context, context.clock.Steady() + context.Remaining() / left--, reading, errors);
    for (const auto& replica : replicas_) {
      const SteadyTime deadline = context.clock.Steady() + context.Remaining() / left--;
      reading.replicas.push_back(
          {replica->address().Name(), ReadReplica(context, deadline, *replica, errors)});
    }
    Sample sample = view_.Judge(reading);
    // What could not be read comes before what follows from it.
    errors.insert(errors.end(), sample.errors.begin(), sample.errors.end());
    sample.errors = std::move(errors);
    return sample;
  }

 private:
  static std::optional<ServerStatus> ReadStatus(const SampleContext& context,
                                                PostgresSession& session, const std::string& name,
                                                std::vector<Error>& errors) {
    const auto rows = Ask(session, ServerStatusQuery(), name, errors);
    if (!rows) return std::nullopt;
    Result<ServerStatus> status = ReadServerStatus(*rows, context.clock.Steady());
    if (status.ok()) return *std::move(status);
    errors.push_back(std::move(status).error().In(name));
    return std::nullopt;
  }

  void ReadPrimary(const SampleContext& context, SteadyTime deadline, ReplicationReading& reading,
                   std::vector<Error>& errors) {
    const std::string& name = reading.primary_name;
    Result<PostgresSession> session = primary_->Open(CallOf(context, deadline));
    if (!session.ok()) {
      errors.push_back(std::move(session).error().In("primary " + name));
      return;
    }
    reading.primary = ReadStatus(context, *session, "primary " + name, errors);
    if (!reading.primary) return;
    if (const auto rows = Ask(*session, SendersQuery(), "pg_stat_replication", errors)) {
      reading.senders = ReadSenders(*rows);
    }
    if (const auto rows =
            Ask(*session, SlotsQuery(session->version()), "pg_replication_slots", errors)) {
      reading.slots = ReadSlots(*rows);
    }
  }

  static std::optional<ServerStatus> ReadReplica(const SampleContext& context, SteadyTime deadline,
                                                 PostgresServer& server,
                                                 std::vector<Error>& errors) {
    const std::string name = "replica " + server.address().Name();
    Result<PostgresSession> session = server.Open(CallOf(context, deadline));
    if (session.ok()) return ReadStatus(context, *session, name, errors);
    errors.push_back(std::move(session).error().In(name));
    return std::nullopt;
  }

  const std::shared_ptr<PostgresServer> primary_;
  const std::vector<std::shared_ptr<PostgresServer>> replicas_;
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
    auto primary = FindServer(*servers, url, password);
    if (!primary.ok()) return std::move(primary).error();
    std::vector<std::shared_ptr<PostgresServer>> found;
    for (const std::string& replica : replicas) {
      auto server = FindServer(*servers, replica, password);
      if (!server.ok()) return std::move(server).error();
      found.push_back(*std::move(server));
    }
    return Target{(*primary)->address().Name(),
                  std::make_unique<Replicas>(*primary, std::move(found), expected)};
  };
  return read;
}

}  // namespace tierwatch
