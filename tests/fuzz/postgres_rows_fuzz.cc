// Whatever a PostgreSQL or a PgBouncer, or what passes for one, answers: a case of tests/fixtures
// as one text, its stem in the first line, each of its files after a line "--- PATH".
#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/foreign_text.h"
#include "tests/collectors/postgres_cases.h"
#include "tests/fuzz/check_sample.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  constexpr std::string_view kFile = "--- ";
  CaseFiles files;
  std::string stem;
  std::string* text = &stem;
  for (const std::string_view line :
       SplitWords({reinterpret_cast<const char*>(data), size}, '\n')) {
    if (line.starts_with(kFile)) {
      text = &files[std::string(line.substr(kFile.size()))];
    } else {
      text->append(line).append(text == &stem ? "" : "\n");
    }
  }
  const auto found = kPostgresCases.find(stem);
  if (found == kPostgresCases.end()) return -1;
  Sample sample = found->second(files);
  // Which server could not be read is told by who reads it.
  if (stem == "replicas") sample.errors.push_back({"not read", Reason::kConnect});
  // A partitioned table's runway may have no end; its series are held by the runner's max_series.
  const bool tables = stem == "partitions";
  CheckSample(sample,
              tables ? SampleBounds{.series = 20'000, .infinite_gauges = true} : SampleBounds{});
  return 0;
}
