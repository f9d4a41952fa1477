#include "collectors/postgres_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/http_client.h"
#include "collectors/foreign_text.h"

namespace tierwatch {
namespace {

template <class T>
std::optional<T> Parse(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  T value{};
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size()) return std::nullopt;
  return value;
}

}  // namespace

std::shared_ptr<PostgresServers> SharedServers(CollectorResources& resources) {
  if (resources.postgres == nullptr) resources.postgres = std::make_shared<PostgresServers>();
  return resources.postgres;
}

Result<std::shared_ptr<PostgresServer>> FindServer(PostgresServers& servers, const std::string& url,
                                                   const Secret& password) {
  Result<PostgresAddress> address = ParsePostgresAddress(url);
  if (!address.ok()) return std::move(address).error();
  return servers.Get(*address, password);
}

PostgresCall CallOf(const SampleContext& context, SteadyTime deadline) {
  PostgresCall call{context.clock, std::min(context.deadline, deadline), context.stop};
  call.kept = context.kept;
  return call;
}

CollectorEntry ReadServerEntry(
    YamlMap& entry, CollectorResources& resources,
    std::function<std::unique_ptr<Collector>(std::shared_ptr<PostgresServer>)> make) {
  const Secret password = ReadSecret(entry, "password");
  CollectorEntry read;
  read.addresses = ReadTargets(entry, {"postgresql", "postgres"});
  read.make = [make = std::move(make), password,
               servers = SharedServers(resources)](const std::string& url) -> Result<Target> {
    auto server = FindServer(*servers, url, password);
    if (!server.ok()) return std::move(server).error();
    return Target{(*server)->address().Name(), make(*server)};
  };
  return read;
}

std::size_t ReadTop(YamlMap& entry, std::int64_t otherwise, std::int64_t most) {
  return static_cast<std::size_t>(entry.Int("top", 0, most).value_or(otherwise));
}

std::optional<Rows> Ask(PostgresSession& session, const std::string& query,
                        const std::string& place, std::vector<Error>& errors) {
  Result<Rows> rows = session.Query(query);
  if (rows.ok()) return *std::move(rows);
  errors.push_back(std::move(rows).error().In(place));
  return std::nullopt;
}

const std::optional<std::string>& RowReader::Raw(std::string_view column) const {
  static const std::optional<std::string> kNull;
  const auto at = std::find(rows_.columns.begin(), rows_.columns.end(), column);
  const auto index = static_cast<std::size_t>(at - rows_.columns.begin());
  return index < row_.size() ? row_[index] : kNull;
}

std::string RowReader::Label(std::string_view column) const { return LabelText(Text(column)); }

std::optional<double> RowReader::Number(std::string_view column) const {
  const auto value = Parse<double>(Raw(column));
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> RowReader::Counter(std::string_view column) const {
  const auto value = Number(column);
  return value && *value >= 0 ? value : std::nullopt;
}

std::optional<std::uint64_t> RowReader::Unsigned(std::string_view column) const {
  return Parse<std::uint64_t>(Raw(column));
}

std::optional<bool> RowReader::Flag(std::string_view column) const {
  const auto& text = Raw(column);
  if (text == "t") return true;
  if (text == "f") return false;
  return std::nullopt;
}

}  // namespace tierwatch
