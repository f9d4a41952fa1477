// What the collectors of PostgreSQL share: reading an address and a session's rows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/client/postgres_client.h"
#include "collectors/collector.h"

namespace tierwatch {

/// The connections of this process, made by the collector that is read first.
std::shared_ptr<PostgresServers> SharedServers(CollectorResources& resources);

/// The server of a configured URL. Error: kParse.
Result<std::shared_ptr<PostgresServer>> FindServer(PostgresServers& servers, const std::string& url,
                                                   const Secret& password);

/// A session's bounds: the sample's own, or until `deadline` where that is earlier.
PostgresCall CallOf(const SampleContext& context, SteadyTime deadline = SteadyTime::max());

/// Reads what an entry of single servers has besides the collector's own keys: `targets:` and the
/// password. `make` gives the collector of one server.
CollectorEntry ReadServerEntry(
    YamlMap& entry, CollectorResources& resources,
    std::function<std::unique_ptr<Collector>(std::shared_ptr<PostgresServer>)> make);

/// An entry's `top:`, how many of something have names of their own: 0 to `most`.
std::size_t ReadTop(YamlMap& entry, std::int64_t otherwise, std::int64_t most);

/// A query's rows; or nothing, and the error with its place.
std::optional<Rows> Ask(PostgresSession& session, const std::string& query,
                        const std::string& place, std::vector<Error>& errors);

/// Values of one row by column name; a column that is absent reads as NULL, and so does a value
/// that is none of what was asked for.
class RowReader {
 public:
  RowReader(const Rows& rows, std::size_t row) : rows_(rows), row_(rows.rows[row]) {}

  const std::optional<std::string>& Raw(std::string_view column) const;
  /// "" for NULL.
  std::string Text(std::string_view column) const { return Raw(column).value_or(""); }
  /// Text as the value of a label: a database without an encoding (SQL_ASCII) has any bytes.
  std::string Label(std::string_view column) const;
  /// Finite numbers only.
  std::optional<double> Number(std::string_view column) const;
  /// Of these, those that a counter can have: nothing below zero.
  std::optional<double> Counter(std::string_view column) const;
  std::optional<std::uint64_t> Unsigned(std::string_view column) const;
  std::optional<bool> Flag(std::string_view column) const;

 private:
  const Rows& rows_;
  const std::vector<std::optional<std::string>>& row_;
};

}  // namespace tierwatch
