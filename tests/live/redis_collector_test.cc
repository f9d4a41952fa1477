// The collector redis against real redis-servers: what it reads, and every way in which one can
// fail it.
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "collectors/redis.h"
#include "tests/support/redis_server.h"

namespace tierwatch {
namespace {

// A collector made from an entry of the configuration, as the process makes it.
class Watch {
 public:
  explicit Watch(const std::string& entry_yaml) {
    ::signal(SIGPIPE, SIG_IGN);  // as main does: OpenSSL writes with write(2)
    Diagnostics diagnostics;
    const std::optional<YamlNode> node = YamlNode::Parse(entry_yaml, "t.yml", diagnostics);
    YamlMap map(*node, "redis", diagnostics);
    CollectorResources resources;
    const CollectorEntry entry = ReadRedis(map, "cache", resources);
    map.Finish();
    EXPECT_EQ(diagnostics.ToString(), "");
    target_ = entry.make(entry.addresses.at(0)).value();
  }

  const Sample& Collect(Millis timeout = Millis{2'000}, std::stop_token stop = {}) {
    const SteadyTime start = clock_.Steady();
    sample_ = target_.collector->Collect({clock_, start + timeout, stop});
    took_ = std::chrono::duration_cast<Millis>(clock_.Steady() - start);
    return sample_;
  }

  const prometheus::ClientMetric* Find(const std::string& name,
                                       const std::string& label = "") const {
    for (const prometheus::MetricFamily& family : sample_.families) {
      for (const prometheus::ClientMetric& metric : family.metric) {
        const bool fits =
            label.empty() || (!metric.label.empty() && metric.label[0].value == label);
        if (family.name == name && fits) return &metric;
      }
    }
    return nullptr;
  }

  // The value of a series, NaN where it is not there.
  double Value(const std::string& name, const std::string& label = "") const {
    const prometheus::ClientMetric* metric = Find(name, label);
    if (metric == nullptr) return std::nan("");
    return name.ends_with("_total") ? metric->counter.value : metric->gauge.value;
  }

  std::string Reasons() const {
    std::string text;
    for (const Error& error : sample_.errors) text += std::string(ReasonName(error.reason)) + " ";
    return text;
  }

  std::string Messages() const {
    std::string text;
    for (const Error& error : sample_.errors) text += error.message + "\n";
    return text;
  }

  void ExpectDown(const std::string& reason) {
    EXPECT_FALSE(sample_.up);
    EXPECT_EQ(Reasons(), reason + " ") << Messages();
    EXPECT_EQ(Value("tierwatch_redis_up"), 0);
    EXPECT_EQ(Find("tierwatch_redis_memory_used_bytes"), nullptr);
  }

  Millis took() const { return took_; }

 private:
  SystemClock clock_;
  Target target_;
  Sample sample_;
  Millis took_{0};
};

std::string Targets(const RedisServer& server) { return "targets: ['" + server.url() + "']\n"; }

TEST(RedisCollector, ReadsWhatTheServerCounts) {
  RedisServer server({"--maxmemory", "50mb"});
  for (const char* key : {"a", "b", "c"}) server.Cli({"SET", key, "1"});
  server.Cli({"GET", "a"});
  server.Cli({"GET", "nosuch"});
  server.Cli({"GET", "nosuch"});
  Watch watch(Targets(server) + "tier: L3-Redis\n");
  EXPECT_TRUE(watch.Collect().up);
  EXPECT_EQ(watch.Messages(), "");
  EXPECT_EQ(watch.Value("tierwatch_redis_up"), 1);
  EXPECT_EQ(watch.Value("tierwatch_redis_tier_info", "L3-Redis"), 1);
  EXPECT_EQ(watch.Value("tierwatch_redis_keyspace_hits_total"), 1);
  EXPECT_EQ(watch.Value("tierwatch_redis_keyspace_misses_total"), 2);
  EXPECT_EQ(watch.Value("tierwatch_redis_keys", "db0"), 3);
  EXPECT_EQ(watch.Value("tierwatch_redis_memory_max_bytes"), 50 * 1024 * 1024);
  EXPECT_EQ(watch.Value("tierwatch_redis_commands_total", "get"), 3);
  EXPECT_EQ(watch.Value("tierwatch_redis_role", "primary"), 1);
  const prometheus::ClientMetric* latency =
      watch.Find("tierwatch_redis_command_latency_seconds", "get");
  ASSERT_NE(latency, nullptr);
  EXPECT_EQ(latency->histogram.sample_count, 3u);
  const double age =
      static_cast<double>(std::time(nullptr)) - watch.Value("tierwatch_redis_start_time_seconds");
  EXPECT_GE(age, -1);
  EXPECT_LE(age, 30);
}

TEST(RedisCollector, KeepsOneConnectionAndTheProbesHistogram) {
  RedisServer server;
  Watch watch(Targets(server));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(watch.Collect().up);
  EXPECT_EQ(watch.Value("tierwatch_redis_connections_received_total"), 1);
  EXPECT_EQ(watch.Find("tierwatch_redis_probe_duration_seconds")->histogram.sample_count, 5u);
  server.Stop();
  watch.Collect();
  EXPECT_EQ(watch.Find("tierwatch_redis_probe_duration_seconds")->histogram.sample_count, 5u);
}

// A server may close idle clients between two samples; that is no failure.
TEST(RedisCollector, AConnectionClosedWhileIdleIsMadeAnew) {
  RedisServer server;
  Watch watch(Targets(server));
  EXPECT_TRUE(watch.Collect().up);
  server.Cli({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_TRUE(watch.Collect().up) << watch.Messages();
  EXPECT_EQ(watch.Messages(), "");
}

TEST(RedisCollector, NoLimitOfMemoryIsNoSample) {
  RedisServer server;
  Watch watch(Targets(server));
  watch.Collect();
  EXPECT_EQ(watch.Find("tierwatch_redis_memory_max_bytes"), nullptr);
  EXPECT_EQ(watch.Value("tierwatch_redis_keys", "db0"), 0);
}

TEST(RedisCollector, AStoppedServerIsDownAndARestartedOneUp) {
  RedisServer server;
  Watch watch(Targets(server));
  watch.Collect();
  const double start = watch.Value("tierwatch_redis_start_time_seconds");
  server.Stop();
  watch.Collect();
  watch.ExpectDown("connect");
  std::this_thread::sleep_for(Millis{1'100});
  server.Start();
  EXPECT_TRUE(watch.Collect().up) << watch.Messages();
  EXPECT_GT(watch.Value("tierwatch_redis_start_time_seconds"), start);
}

TEST(RedisCollector, AFrozenServerIsDownAtTheDeadline) {
  RedisServer server;
  Watch watch(Targets(server));
  watch.Collect();
  server.Freeze();
  for (int i = 0; i < 2; ++i) {  // on the open connection, then on a new one
    watch.Collect(Millis{300});
    watch.ExpectDown("timeout");
    EXPECT_GE(watch.took(), Millis{290});
    EXPECT_LT(watch.took(), Millis{10'000});
  }
  server.Thaw();
  EXPECT_TRUE(watch.Collect().up) << watch.Messages();
}

TEST(RedisCollector, ABlockedServerIsDownAtTheDeadlineAndItsSleepIsNoShortDuration) {
  RedisServer server;
  Watch watch(Targets(server));
  watch.Collect();
  std::thread sleeper([&server] { server.Cli({"DEBUG", "SLEEP", "1.5"}); });
  std::this_thread::sleep_for(Millis{200});
  watch.Collect(Millis{300});
  watch.ExpectDown("timeout");
  sleeper.join();
  EXPECT_TRUE(watch.Collect().up);
  const prometheus::ClientMetric* latency =
      watch.Find("tierwatch_redis_command_latency_seconds", "debug");
  ASSERT_NE(latency, nullptr);
  const auto& buckets = latency->histogram.bucket;
  EXPECT_EQ(buckets.back().cumulative_count, 1u);
  EXPECT_EQ(buckets[buckets.size() - 2].cumulative_count, 0u);
  EXPECT_GE(latency->histogram.sample_sum, 1.5);
  EXPECT_LT(latency->histogram.sample_sum, 30);
}

TEST(RedisCollector, ACancelledSampleEndsAtOnce) {
  RedisServer server;
  Watch watch(Targets(server));
  server.Freeze();
  std::stop_source stop;
  std::thread canceller([&stop] {
    std::this_thread::sleep_for(Millis{100});
    stop.request_stop();
  });
  watch.Collect(Millis{5'000}, stop.get_token());
  canceller.join();
  EXPECT_EQ(watch.Messages().find("timed out"), std::string::npos);
  EXPECT_LT(watch.took(), Millis{10'000});
}

TEST(RedisCollector, PasswordsAndRights) {
  RedisServer server({"--requirepass", "secret"});
  const std::vector<std::string> admin{"-a", "secret"};
  server.Cli({"ACL", "SETUSER", "few", "on", ">pw", "-@all", "+info", "+ping"}, admin);
  server.Cli({"ACL", "SETUSER", "documented", "on", ">pw", "-@all", "+info", "+ping", "+latency",
              "+slowlog", "+client|setname"},
             admin);
  Watch none(Targets(server));
  none.Collect();
  none.ExpectDown("auth");
  Watch wrong(Targets(server) + "password: other\n");
  wrong.Collect();
  wrong.ExpectDown("auth");
  EXPECT_EQ(wrong.Messages().find("other"), std::string::npos);
  Watch right(Targets(server) + "password: secret\n");
  EXPECT_TRUE(right.Collect().up) << right.Messages();

  Watch few(Targets(server) + "username: few\npassword: pw\n");
  EXPECT_TRUE(few.Collect().up);
  EXPECT_EQ(few.Reasons(), "privileges privileges privileges privileges ");
  EXPECT_EQ(few.Value("tierwatch_redis_up"), 1);
  EXPECT_FALSE(std::isnan(few.Value("tierwatch_redis_memory_used_bytes")));
  Watch documented(Targets(server) + "username: documented\npassword: pw\n");
  documented.Collect();
  EXPECT_EQ(documented.Messages(), "");
}

TEST(RedisCollector, APasswordFileIsReadAgainAtEveryConnection) {
  RedisServer server({"--requirepass", "old"});
  const TempDir dir;
  const std::string file = dir.Write("password", "old\n");
  Watch watch(Targets(server) + "password_file: " + file + "\n");
  EXPECT_TRUE(watch.Collect().up) << watch.Messages();
  server.Cli({"CONFIG", "SET", "requirepass", "new"}, {"-a", "old"});
  server.Cli({"CLIENT", "KILL", "TYPE", "normal"}, {"-a", "new"});
  watch.Collect();
  watch.ExpectDown("auth");
  dir.Write("password", "new\n");
  EXPECT_TRUE(watch.Collect().up) << watch.Messages();
}

TEST(RedisCollector, SpeaksTlsAndChecksTheServer) {
  const Certificates certificates;
  const int port = FreePort();
  RedisServer server(RedisTlsArguments(certificates, port, true));
  const auto entry = [port](const std::string& host, const std::string& tls) {
    return "targets: ['rediss://" + host + ":" + std::to_string(port) + "']\ntls: {" + tls + "}\n";
  };
  const std::string client =
      ", cert_file: " + certificates.client_cert() + ", key_file: " + certificates.client_key();
  const std::string ca = "ca_file: " + certificates.ca();
  const TempDir dir;
  const std::string encrypted = dir.path() + "/encrypted.key";
  EXPECT_EQ(RunProcess({"openssl", "ec", "-in", certificates.client_key(), "-aes128", "-passout",
                        "pass:s3cret", "-out", encrypted})
                .status,
            0);
  struct Case {
    std::string host, tls, reason;
  };
  const Case cases[] = {
      {"127.0.0.1", ca + client, ""},
      {"localhost", ca + client, ""},
      {"127.0.0.1", ca + client + ", server_name: cache.test", ""},
      {"127.0.0.1", "insecure_skip_verify: true" + client, ""},
      {"127.0.0.1", ca + client + ", server_name: other.test", "tls "},
      {"127.0.0.1", "ca_file: " + certificates.other_ca() + client, "tls "},
      {"127.0.0.1", client.substr(2), "tls "},  // the system's authorities
      {"127.0.0.1", ca, "tls "},                // no client certificate
      {"127.0.0.1", ca + ", cert_file: " + certificates.client_cert() + ", key_file: " + encrypted,
       "tls "},
      {"127.0.0.1", "ca_file: /no/such/file" + client, "tls "},
  };
  for (const Case& c : cases) {
    Watch watch(entry(c.host, c.tls));
    watch.Collect();
    EXPECT_EQ(watch.Reasons(), c.reason) << c.host << " " << c.tls << "\n" << watch.Messages();
  }
}

TEST(RedisCollector, TlsToAPlainPortAndPlainToATlsPortEndInAReason) {
  const Certificates certificates;
  const int tls_port = FreePort();
  RedisServer server(RedisTlsArguments(certificates, tls_port, false));
  Watch tls("targets: ['rediss://127.0.0.1:" + std::to_string(server.port()) + "']\n");
  tls.Collect(Millis{500});
  EXPECT_FALSE(tls.Collect(Millis{500}).up);
  EXPECT_LT(tls.took(), Millis{10'000});
  Watch plain("targets: ['redis://127.0.0.1:" + std::to_string(tls_port) + "']\n");
  EXPECT_FALSE(plain.Collect(Millis{500}).up);
  EXPECT_LT(plain.took(), Millis{10'000});
}

TEST(RedisCollector, AReplicaTellsItsLinkAndItsPrimaryTheLag) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(primary.port())});
  Watch of_primary(Targets(primary));
  Watch of_replica(Targets(replica));
  const std::string name = "127.0.0.1:" + std::to_string(replica.port());
  EXPECT_TRUE(WaitUntil([&] {
    of_primary.Collect();
    return of_primary.Value("tierwatch_redis_replica_online", name) == 1 &&
           of_primary.Value("tierwatch_redis_replication_lag_bytes", name) == 0;
  }));
  EXPECT_EQ(of_primary.Value("tierwatch_redis_connected_replicas"), 1);
  of_replica.Collect();
  EXPECT_EQ(of_replica.Value("tierwatch_redis_role", "replica"), 1);
  EXPECT_EQ(of_replica.Value("tierwatch_redis_replication_link_up"), 1);
  primary.Stop();
  EXPECT_TRUE(WaitUntil([&] {
    of_replica.Collect();
    return of_replica.Value("tierwatch_redis_replication_link_up") == 0;
  }));
}

TEST(RedisCollector, ANameThatIsNoneIsAReason) {
  Watch watch("targets: ['redis://no-such-host.invalid']");
  watch.Collect(Millis{1'000});
  EXPECT_FALSE(watch.Collect(Millis{1'000}).up);
  EXPECT_LT(watch.took(), Millis{10'000});
}

}  // namespace
}  // namespace tierwatch
