#include "collectors/client/postgres_address.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

namespace tierwatch {
namespace {

// libpq's own message repeats the whole URL, password and all.
Error NotAnAddress(std::string_view why) {
  return Error{
      std::string(why) + ": expected postgresql://[user@]host[:port][/database][?keyword=value]",
      Reason::kParse};
}

bool IsPostgresUrl(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

// `database`: always this one where not empty.
Result<PostgresAddress> Parse(std::string_view url, std::string_view default_port,
                              std::string_view database) {
  if (url.find('\0') != std::string_view::npos) return NotAnAddress("a NUL in a PostgreSQL URL");
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(std::string(url).c_str(), nullptr), &PQconninfoFree);
  if (parsed == nullptr) return NotAnAddress("a malformed PostgreSQL URL");

  PostgresAddress address;
  std::string user;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0') continue;
    const std::string keyword = option->keyword;
    const std::string value = option->val;
    if (keyword == "password") {
      address.password = value;
      continue;
    }
    if (keyword == "host") address.host = value;
    if (keyword == "port") address.port = value;
    if (keyword == "user") user = value;
    if (keyword == "dbname") address.database = value;
    if (keyword == "port" || (keyword == "dbname" && !database.empty())) continue;
    address.options.emplace_back(keyword, value);
  }
  if (address.host.find(',') != std::string::npos) {
    return NotAnAddress("several hosts in one PostgreSQL URL");
  }
  if (address.host.empty() || address.host.front() == '/') address.host = "localhost";
  if (address.port.empty()) address.port = default_port;
  if (!database.empty()) {
    address.database = database;
    address.options.emplace_back("dbname", database);
  }
  if (address.database.empty()) address.database = user;
  address.options.emplace_back("port", address.port);
  std::sort(address.options.begin(), address.options.end());
  return address;
}

}  // namespace

std::string PostgresAddress::Name() const {
  return host.find(':') == std::string::npos ? host + ":" + port : "[" + host + "]:" + port;
}

Result<PostgresAddress> ParsePostgresAddress(std::string_view url) {
  if (!IsPostgresUrl(url)) return NotAnAddress("not a PostgreSQL URL");
  return Parse(url, "5432", "");
}

Result<PostgresAddress> ParsePgBouncerAddress(std::string_view url) {
  constexpr std::string_view kScheme = "pgbouncer";
  if (!url.starts_with("pgbouncer://")) return NotAnAddress("not a PgBouncer URL");
  return Parse("postgresql" + std::string(url.substr(kScheme.size())), "6432", "pgbouncer");
}

}  // namespace tierwatch
