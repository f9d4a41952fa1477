// The page cache: what is shared, what is rebuilt, and that many threads agree.
#include "exporter/exposition.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <thread>

namespace tierwatch {
namespace {

Batch OneGauge(const std::string& target, double value) {
  Batch batch;
  batch.collector = "redis";
  batch.target_labels = Labels{{"target", target}};
  batch.families.push_back({"m", "", prometheus::MetricType::Gauge, {}});
  batch.families[0].metric.emplace_back().gauge.value = value;
  return batch;
}

std::string Gunzip(const std::string& packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string text(1 << 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(Exposition, IsEmptyAtFirst) { EXPECT_EQ(Exposition().Current()->text(), ""); }

TEST(Exposition, KeepsTheLatestBatchOfEachTarget) {
  Exposition exposition;
  exposition.Publish(OneGauge("b", 1));
  exposition.Publish(OneGauge("a", 2));
  exposition.Publish(OneGauge("b", 3));
  EXPECT_EQ(exposition.Current()->text(), "# TYPE m gauge\nm{target=\"a\"} 2\nm{target=\"b\"} 3\n");
  exposition.Remove("redis", Labels{{"target", "b"}});
  EXPECT_EQ(exposition.Current()->text(), "# TYPE m gauge\nm{target=\"a\"} 2\n");
}

TEST(Exposition, SharesThePageUntilTheNextChange) {
  Exposition exposition;
  exposition.Publish(OneGauge("a", 1));
  const auto page = exposition.Current();
  EXPECT_EQ(exposition.Current(), page);
  exposition.Publish(OneGauge("a", 2));
  EXPECT_NE(exposition.Current(), page);
  EXPECT_EQ(page->text(), "# TYPE m gauge\nm{target=\"a\"} 1\n");  // who holds a page keeps it
}

TEST(Exposition, GzipIsTheText) {
  Exposition exposition;
  exposition.Publish(OneGauge("a", 1));
  EXPECT_EQ(Gunzip(exposition.Current()->gzip()), exposition.Current()->text());
}

TEST(Exposition, ManyReadersAndWritersSeeWholePages) {
  Exposition exposition;
  std::vector<std::jthread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&exposition, writer] {
      for (int i = 0; i < 300; ++i) exposition.Publish(OneGauge(std::to_string(writer), 7));
    });
  }
  for (int reader = 0; reader < 4; ++reader) {
    threads.emplace_back([&exposition] {
      for (int i = 0; i < 300; ++i) {
        const auto page = exposition.Current();
        const std::string& text = page->text();
        ASSERT_TRUE(text.empty() || text.ends_with(" 7\n")) << text;
        ASSERT_FALSE(page->gzip().empty());
      }
    });
  }
}

}  // namespace
}  // namespace tierwatch
