// POST /api/v1/write from its bytes to the samples that a query sees, by both versions of the
// specification.
#include "exporter/remote_write/remote_write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <snappy.h>

#include <atomic>
#include <map>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <thread>
#include <vector>

#include "alerts/promql/promql.h"
#include "alerts/rules/query.h"
#include "alerts/series/float_histogram.h"
#include "tests/support/fake_clock.h"

namespace tierwatch {
namespace {

using protozero::pbf_writer;
using testing::HasSubstr;

constexpr TimestampMs kNow = 1'700'000'000'000;
constexpr const char* kSecond = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

using Pairs = std::vector<std::pair<std::string, std::string>>;
struct Point {
  TimestampMs time;
  double value;
};

std::string PointMessage(const Point& point) {
  std::string bytes;
  pbf_writer message(bytes);
  message.add_double(1, point.value);
  message.add_int64(2, point.time);
  return bytes;
}

// A series of the first version.
std::string Series(const Pairs& labels, const std::vector<Point>& points,
                   const std::string& histogram = "") {
  std::string bytes;
  pbf_writer series(bytes);
  for (const auto& [name, value] : labels) {
    std::string text;
    pbf_writer label(text);
    label.add_string(1, name);
    label.add_string(2, value);
    series.add_message(1, text);
  }
  for (const Point& point : points) series.add_message(2, PointMessage(point));
  if (!histogram.empty()) series.add_message(4, histogram);
  return bytes;
}

std::string Request(const std::vector<std::string>& series) {
  std::string bytes;
  pbf_writer request(bytes);
  for (const std::string& one : series) request.add_message(1, one);
  return bytes;
}

class RemoteWriteTest : public testing::Test {
 protected:
  HttpReply Send(const std::string& message, const std::string& content_type = "") {
    ServerRequest request;
    request.method = "POST";
    request.headers = {{"content-encoding", "snappy"}};
    if (!content_type.empty()) request.headers.emplace_back("content-type", content_type);
    snappy::Compress(message.data(), message.size(), &request.body);
    return write_.Answer(request);
  }
  int SendOne(const Pairs& labels, const std::vector<Point>& points) {
    return Send(Request({Series(labels, points)})).status;
  }

  std::string Ask(const std::string& text) {
    const auto vector = MakeRuleQuery(engine_, store_)(*promql::Parse(text), clock_.Now());
    if (!vector.ok()) return vector.error().message;
    std::string answer;
    for (const promql::VectorSample& sample : *vector)
      answer += fmt::format("{}{} {}", answer.empty() ? "" : "\n", sample.labels.ToString(),
                            sample.value);
    return answer;
  }

  double Counted(const std::string& name, const std::string& label_value) {
    for (const auto& family : registry_.Collect()) {
      for (const auto& metric : family.metric) {
        if (family.name == name && metric.label[0].value == label_value)
          return metric.counter.value;
      }
    }
    return -1;
  }
  double Refused(const std::string& reason) {
    return Counted("tierwatch_remote_write_refused_samples_total", reason);
  }

  FakeClock clock_{kNow};
  series::Store store_{{.self_labels = {}, .max_series = 100}};
  promql::Engine engine_;
  prometheus::Registry registry_;
  RemoteWrite write_{store_, Millis{7'200'000}, clock_, registry_};
};

TEST_F(RemoteWriteTest, TakesSamplesOfSeveralTimesAndSeries) {
  const HttpReply reply = Send(
      Request({Series({{"__name__", "up"}, {"instance", "a"}, {"job", "j"}},
                      {{kNow - 30'000, 1}, {kNow - 15'000, 2}, {kNow, 4}}),
               Series({{"__name__", "up"}, {"instance", "b"}, {"job", "j"}}, {{kNow - 5, 0.5}})}),
      "application/x-protobuf");
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(*reply.body, "");
  EXPECT_EQ(Ask("sum_over_time(up[1m])"),
            "{instance=\"a\", job=\"j\"} 7\n{instance=\"b\", job=\"j\"} 0.5");
  EXPECT_EQ(Counted("tierwatch_remote_write_samples_total", "1.0"), 4);
}

TEST_F(RemoteWriteTest, EndsASeriesAtItsMarker) {
  EXPECT_EQ(SendOne({{"__name__", "m"}}, {{kNow - 1000, 3}}), 204);
  EXPECT_EQ(Ask("m"), "m 3");
  EXPECT_EQ(SendOne({{"__name__", "m"}}, {{kNow, series::StaleMarker()}}), 204);
  EXPECT_EQ(Ask("m"), "");
}

TEST_F(RemoteWriteTest, RefusesLateSamplesAndKeepsTheRest) {
  const Pairs m = {{"__name__", "m"}};
  EXPECT_EQ(SendOne(m, {{kNow - 1000, 3}}), 204);
  EXPECT_EQ(SendOne(m, {{kNow - 1000, 3}}), 204);  // sent again
  EXPECT_EQ(SendOne(m, {{kNow - 1000, 4}}), 400);
  EXPECT_EQ(Refused("duplicate"), 1);
  const HttpReply reply =
      Send(Request({Series(m, {{kNow - 2000, 9}}), Series({{"__name__", "n"}}, {{kNow, 5}})}));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(*reply.body,
            fmt::format("1 refused, 1 taken; out_of_order 1; the first: out_of_order: m at {}\n",
                        kNow - 2000));
  EXPECT_EQ(Refused("out_of_order"), 1);
  EXPECT_EQ(Ask("m"), "m 3");
  EXPECT_EQ(Ask("n"), "n 5");
  EXPECT_EQ(SendOne(m, {{kNow - 7'200'001, 1}}), 400);
  EXPECT_EQ(SendOne(m, {{kNow + 600'001, 1}}), 400);
  EXPECT_EQ(Refused("too_old"), 1);
  EXPECT_EQ(Refused("too_new"), 1);
}

// A sender cuts a scrape where its request is full: the rest comes later, of the same time.
TEST_F(RemoteWriteTest, TakesAScrapeInPieces) {
  const auto series = [](int i, TimestampMs time) {
    return Series({{"__name__", "m"}, {"i", std::to_string(i)}}, {{time, i * 1.0}});
  };
  for (int scrape = 0; scrape < 20; ++scrape) {
    const TimestampMs time = kNow - (20 - scrape) * 1000;
    const int cut = 1 + scrape % 9;
    std::vector<std::string> first, second;
    for (int i = 0; i < 10; ++i) (i < cut ? first : second).push_back(series(i, time));
    EXPECT_EQ(Send(Request(first)).status, 204);
    EXPECT_EQ(Send(Request(second)).status, 204);
  }
  EXPECT_EQ(Ask("sum(count_over_time(m[1m]))"), "{} 200");
  EXPECT_EQ(Ask("sum(m)"), "{} 45");
  EXPECT_EQ(store_.Stats().refused, 0u);
}

TEST_F(RemoteWriteTest, RefusesLabelsThatBreakTheSpecification) {
  const std::pair<Pairs, const char*> cases[] = {
      {{{"a", "1"}}, "__name__ is absent"},
      {{}, "__name__ is absent"},
      {{{"b", "1"}, {"__name__", "m"}}, "labels are not sorted"},
      {{{"__name__", "m"}, {"a", "1"}, {"a", "2"}}, "the label \"a\" occurs twice"},
      {{{"", "x"}, {"__name__", "m"}}, "a label's name or value is empty"},
      {{{"__name__", "m"}, {"a", ""}}, "a label's name or value is empty"},
      {{{"__name__", "m"}, {"a", "\xff"}}, "a label is not UTF-8"},
  };
  double count = 0;
  for (const auto& [labels, problem] : cases) {
    const HttpReply reply =
        Send(Request({Series(labels, {{kNow, 1}}), Series({{"__name__", "good"}}, {{kNow, 1}})}));
    EXPECT_EQ(reply.status, 400) << problem;
    EXPECT_THAT(*reply.body, HasSubstr(problem));
    EXPECT_EQ(Refused("labels"), ++count);
  }
  EXPECT_EQ(Ask("good"), "good 1");
  EXPECT_EQ(store_.Stats().series, 1u);
}

TEST_F(RemoteWriteTest, RefusesWhatItCannotRead) {
  const std::string good = Request({Series({{"__name__", "m"}}, {{kNow, 1}})});
  EXPECT_EQ(Send(good, "application/json").status, 415);
  EXPECT_EQ(Send(good, "application/x-protobuf;proto=io.prometheus.write.v3.Request").status, 415);
  EXPECT_EQ(Send(good.substr(0, good.size() - 3)).status, 400);
  ServerRequest request;
  request.method = "POST";
  request.body = good;
  EXPECT_EQ(write_.Answer(request).status, 400);  // not compressed
  request.headers = {{"content-encoding", "gzip"}};
  EXPECT_EQ(write_.Answer(request).status, 415);
  EXPECT_EQ(Send(std::string((32u << 20) + 1, '\0')).status, 413);
  EXPECT_EQ(store_.Stats().samples, 0u);
  EXPECT_EQ(Counted("tierwatch_remote_write_requests_total", "415"), 3);
}

TEST_F(RemoteWriteTest, RefusesSeriesBeyondTheLimit) {
  std::vector<std::string> series;
  for (int i = 0; i < 103; ++i)
    series.push_back(Series({{"__name__", "m"}, {"i", std::to_string(i)}}, {{kNow, 1}}));
  EXPECT_EQ(Send(Request(series)).status, 400);
  EXPECT_EQ(Refused("series_limit"), 3);
  EXPECT_EQ(Ask("count(m)"), "{} 100");
}

std::string SecondRequest(const std::vector<std::string>& symbols,
                          const std::vector<std::string>& series) {
  std::string bytes;
  pbf_writer request(bytes);
  for (const std::string& one : series) request.add_message(5, one);
  for (const std::string& symbol : symbols) request.add_string(4, symbol);
  return bytes;
}

std::string SecondSeries(const std::vector<std::uint32_t>& references,
                         const std::vector<Point>& points, const std::string& histogram = "") {
  std::string bytes;
  pbf_writer series(bytes);
  series.add_packed_uint32(1, references.begin(), references.end());
  for (const Point& point : points) series.add_message(2, PointMessage(point));
  if (!histogram.empty()) series.add_message(3, histogram);
  return bytes;
}

// 10 observations: 1 of zero, 2 and 3 in the buckets 1 and 2, 4 in bucket 5; of sum 25.
std::string Histogram(std::uint64_t count, const std::vector<std::int64_t>& deltas = {2, 1, 1}) {
  std::string bytes;
  pbf_writer message(bytes);
  message.add_uint64(1, count);
  message.add_double(3, 25);
  message.add_sint32(4, 0);
  message.add_double(5, 0.001);
  message.add_uint64(6, 1);
  for (const auto& [offset, length] : {std::pair{1, 2u}, {2, 1u}}) {
    std::string text;
    pbf_writer span(text);
    span.add_sint32(1, offset);
    span.add_uint32(2, length);
    message.add_message(11, text);
  }
  message.add_packed_sint64(12, deltas.begin(), deltas.end());
  message.add_int64(15, kNow);
  return bytes;
}

TEST_F(RemoteWriteTest, TakesHistogramsOfIntegers) {
  EXPECT_EQ(Send(Request({Series({{"__name__", "h"}}, {}, Histogram(10))})).status, 204);
  EXPECT_EQ(Ask("histogram_count(h)"), "{} 10");
  EXPECT_EQ(Ask("histogram_sum(h)"), "{} 25");
  // Bucket 5 of schema 0 is (16, 32] (index + 1 spans behind 2), and has 4 of 10.
  EXPECT_EQ(Ask("histogram_fraction(16, 32, h)"), "{} 0.4");
}

// 10.5 observations as floats: 0.5 of zero, 4 in (-1, -0.5], 2.25 and 3.75 in (0.5, 1] and (1, 2].
TEST_F(RemoteWriteTest, TakesHistogramsOfFloats) {
  std::string bytes;
  pbf_writer message(bytes);
  message.add_double(2, 10.5);
  message.add_double(3, 7);
  message.add_sint32(4, 0);
  message.add_double(5, 0.001);
  message.add_double(7, 0.5);
  std::string one, two;
  pbf_writer(one).add_uint32(2, 1);  // at bucket 0
  pbf_writer(two).add_uint32(2, 2);
  message.add_message(8, one);
  const std::vector<double> negative = {4}, positive = {2.25, 3.75};
  message.add_packed_double(10, negative.begin(), negative.end());
  message.add_message(11, two);
  message.add_packed_double(13, positive.begin(), positive.end());
  message.add_int64(15, kNow);
  EXPECT_EQ(Send(Request({Series({{"__name__", "h"}}, {}, bytes)})).status, 204);
  EXPECT_EQ(Ask("histogram_count(h)"), "{} 10.5");
  EXPECT_EQ(Ask("histogram_fraction(1, 2, h) * 10.5"), "{} 3.75");
  EXPECT_EQ(Ask("histogram_fraction(-1, -0.5, h) * 10.5"), "{} 4");
}

// Bounds of its own: 2 up to 0.1, 5 up to 1, 3 above.
TEST_F(RemoteWriteTest, TakesHistogramsWithBoundsOfTheirOwn) {
  const auto histogram = [](const std::vector<double>& bounds) {
    std::string bytes, span;
    pbf_writer message(bytes);
    message.add_uint64(1, 10);
    message.add_double(3, 9);
    message.add_sint32(4, -53);
    pbf_writer(span).add_uint32(2, 3);
    message.add_message(11, span);
    const std::vector<std::int64_t> deltas = {2, 3, -2};
    message.add_packed_sint64(12, deltas.begin(), deltas.end());
    message.add_int64(15, kNow);
    message.add_packed_double(16, bounds.begin(), bounds.end());
    return bytes;
  };
  const auto send = [&](const std::vector<double>& bounds) {
    return Send(SecondRequest({"", "__name__", "h"}, {SecondSeries({1, 2}, {}, histogram(bounds))}),
                kSecond);
  };
  EXPECT_EQ(send({0.1, 1}).status, 200);
  EXPECT_EQ(Ask("histogram_count(h)"), "{} 10");
  // Linear within (0.1, 1]: of its 5 observations the rank 4.5 of 10 has 2.5 behind it.
  EXPECT_EQ(Ask("histogram_quantile(0.45, h)"), "{} 0.55");
  EXPECT_EQ(Ask("histogram_quantile(0.9, h)"), "{} 1");  // the last bound
  EXPECT_EQ(send({1, 0.1}).status, 400);
  EXPECT_EQ(Refused("histogram"), 1);
}

TEST_F(RemoteWriteTest, RefusesHistogramsThatMakeNoSense) {
  const std::pair<std::string, const char*> cases[] = {
      {Histogram(11), "its buckets have 10 observations, its count is 11"},
      {Histogram(10, {2, 1}), "its spans have 3 buckets, its counts 2"},
      {Histogram(10, {2, 1, -4}), "a bucket has a negative count"},
  };
  for (const auto& [histogram, problem] : cases) {
    const HttpReply reply = Send(Request({Series({{"__name__", "h"}}, {}, histogram)}));
    EXPECT_EQ(reply.status, 400);
    EXPECT_THAT(*reply.body, HasSubstr(problem));
  }
  EXPECT_EQ(Refused("histogram"), 3);
}

TEST_F(RemoteWriteTest, TakesTheSecondVersion) {
  std::string exemplar;
  pbf_writer(exemplar).add_double(2, 1);
  std::string series = SecondSeries({1, 2, 3, 4}, {{kNow - 1, 1}, {kNow, 2}});
  pbf_writer(series).add_message(4, exemplar);
  const HttpReply reply = Send(SecondRequest({"", "__name__", "m", "job", "j", "h"},
                                             {series, SecondSeries({1, 5}, {}, Histogram(10))}),
                               kSecond);
  EXPECT_EQ(reply.status, 200) << *reply.body;
  const std::map<std::string, std::string> headers(reply.headers.begin(), reply.headers.end());
  EXPECT_EQ(headers.at("X-Prometheus-Remote-Write-Samples-Written"), "2");
  EXPECT_EQ(headers.at("X-Prometheus-Remote-Write-Histograms-Written"), "1");
  EXPECT_EQ(headers.at("X-Prometheus-Remote-Write-Exemplars-Written"), "0");
  EXPECT_EQ(Ask("m"), "m{job=\"j\"} 2");
  EXPECT_EQ(Ask("histogram_count(h)"), "{} 10");
  EXPECT_EQ(Refused("exemplar"), 1);
}

TEST_F(RemoteWriteTest, ManyWriteAtOnceAndNothingIsLost) {
  constexpr int kSenders = 40, kRequests = 50;
  std::atomic<int> busy = 0, other = 0;
  {
    std::vector<std::jthread> senders;
    for (int sender = 0; sender < kSenders; ++sender) {
      senders.emplace_back([&, sender] {
        for (int i = 0; i < kRequests; ++i) {
          const Pairs labels = {{"__name__", "m"}, {"sender", std::to_string(sender)}};
          int status = 0;  // a sender keeps what was answered with 503
          while ((status = SendOne(labels, {{kNow - kRequests + i, i * 1.0}})) == 503) ++busy;
          other += status != 204;
        }
      });
    }
  }
  EXPECT_EQ(other, 0);
  EXPECT_EQ(Ask("count(m)"), "{} 40");
  EXPECT_EQ(Ask("sum(count_over_time(m[1m]))"), "{} 2000");
  EXPECT_EQ(Ask("sum(sum_over_time(m[1m]))"), "{} 49000");  // 40 times the sum of 0 to 49
  EXPECT_EQ(Counted("tierwatch_remote_write_samples_total", "1.0"), 2000);
  EXPECT_EQ(std::max(0.0, Counted("tierwatch_remote_write_requests_total", "503")), busy);
}

// Whoever looks at it waits until it is let go.
class HeldClock final : public Clock {
 public:
  TimestampMs Now() const override {
    ++waiting;
    let_go.wait(false);
    return kNow;
  }
  SteadyTime Steady() const override { return {}; }

  mutable std::atomic<int> waiting = 0;
  std::atomic<bool> let_go = false;
};

TEST_F(RemoteWriteTest, ASenderOfTooManyIsToldToComeAgain) {
  HeldClock clock;
  prometheus::Registry registry;
  RemoteWrite write(store_, Millis{0}, clock, registry);
  ServerRequest request;
  const std::string message = Request({Series({{"__name__", "m"}}, {{kNow, 1}})});
  snappy::Compress(message.data(), message.size(), &request.body);
  std::vector<std::jthread> senders;
  std::atomic<int> taken = 0;
  for (int i = 0; i < RemoteWrite::kMaxAtOnce; ++i)
    senders.emplace_back([&] { taken += write.Answer(request).status == 204; });
  while (clock.waiting < RemoteWrite::kMaxAtOnce) std::this_thread::yield();
  const HttpReply reply = write.Answer(request);
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.headers, testing::Contains(testing::Pair("Retry-After", "1")));
  clock.let_go = true;
  clock.let_go.notify_all();
  senders.clear();
  EXPECT_EQ(taken, RemoteWrite::kMaxAtOnce);  // all but one were there already
  EXPECT_EQ(write.Answer(request).status, 204);
}

// A rule asks a standing question, which keeps what it found for the next time.
TEST_F(RemoteWriteTest, StandingRulesSeeWhatIsWritten) {
  const auto questions = AskStanding(engine_, store_, clock_)({});
  const std::size_t sum = questions->Add(*promql::Parse("sum(rate(c_total[10s]))"));
  const auto ask = [&]() -> double {
    questions->NewRound();
    const auto elements = questions->Ask(sum, clock_.Now());
    if (!elements.ok() || elements->values.size() != 1 || !elements->Has(0)) return -1;
    return elements->values[0];
  };
  EXPECT_EQ(ask(), -1);
  for (int second = 0; second < 30; ++second) {
    clock_.Advance(Millis(1'000));
    const double value = 5.0 * second;
    EXPECT_EQ(SendOne({{"__name__", "c_total"}, {"i", "a"}}, {{clock_.Now(), value}}), 204);
    if (second >= 15) {  // one that came later
      EXPECT_EQ(SendOne({{"__name__", "c_total"}, {"i", "b"}}, {{clock_.Now(), value}}), 204);
    }
    if (second == 14) {
      EXPECT_DOUBLE_EQ(ask(), 5);
    }
  }
  EXPECT_DOUBLE_EQ(ask(), 10);
  EXPECT_EQ(
      SendOne({{"__name__", "c_total"}, {"i", "a"}}, {{clock_.Now() + 1, series::StaleMarker()}}),
      204);
  clock_.Advance(Millis(9'500));
  EXPECT_EQ(ask(), -1);  // one sample is left of each
}

TEST_F(RemoteWriteTest, SaysHowMuchOfAPartialWriteWasTaken) {
  const HttpReply reply =
      Send(SecondRequest({"", "__name__", "m"},
                         {SecondSeries({1, 9}, {{kNow, 1}}), SecondSeries({1, 2, 1}, {{kNow, 1}}),
                          SecondSeries({1, 2}, {}), SecondSeries({1, 2}, {{kNow, 7}})}),
           kSecond);
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(*reply.body, HasSubstr("a label refers to symbol 9 of 3"));
  const std::map<std::string, std::string> headers(reply.headers.begin(), reply.headers.end());
  EXPECT_EQ(headers.at("X-Prometheus-Remote-Write-Samples-Written"), "1");
  EXPECT_EQ(Refused("labels"), 2);
  EXPECT_EQ(Refused("no_samples"), 1);
  EXPECT_EQ(Ask("m"), "m 7");
  EXPECT_EQ(
      Send(SecondRequest({"__name__", "m"}, {SecondSeries({0, 1}, {{kNow, 1}})}), kSecond).status,
      400);
}

}  // namespace
}  // namespace tierwatch
