// Whatever a PgBouncer, or what passes for one, answers to each of SHOW: lines of columns.
#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/pgbouncer_pools.h"
#include "tests/fuzz/check_sample.h"

namespace tierwatch {
namespace {

std::vector<std::string> Split(std::string_view text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == by) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Every row has as many values as there are columns: libpq sees to that.
Rows ToRows(std::string_view text) {
  Rows rows;
  for (const std::string& line : Split(text, '\n')) {
    std::vector<std::string> values = Split(line, '|');
    if (rows.columns.empty()) {
      rows.columns = std::move(values);
      continue;
    }
    values.resize(rows.columns.size());
    auto& row = rows.rows.emplace_back();
    for (std::string& value : values) {
      row.push_back(value == "\\N" ? std::nullopt : std::optional(std::move(value)));
    }
  }
  return rows;
}

}  // namespace
}  // namespace tierwatch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tierwatch;
  const Rows rows = ToRows({reinterpret_cast<const char*>(data), size});
  CheckSample(PgBouncerSample({rows, std::nullopt, std::nullopt, std::nullopt}));
  CheckSample(PgBouncerSample({std::nullopt, rows, rows, rows}));
  return 0;
}
