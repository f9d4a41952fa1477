#include "collectors/partition_shares.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <unordered_map>
#include <utility>

#include "collectors/postgres_source.h"

namespace tierwatch {
namespace {

constexpr std::string_view kNames =
    "SELECT c.oid, n.nspname AS schema, c.relname AS name, "
    "quote_ident(n.nspname) || '.' || c.relname AS qualified "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ({})";

}  // namespace

std::string LeafNamesQuery(const std::vector<LeafShare>& shares) {
  std::vector<Oid> leaves;
  for (const LeafShare& share : shares) {
    if (share.leaf != 0) leaves.push_back(share.leaf);
  }
  return leaves.empty() ? "" : fmt::format(kNames, fmt::join(leaves, ","));
}

std::vector<LeafShare> NameLeaves(const std::vector<LeafShare>& shares,
                                  const std::vector<PartitionedTable>& tables, const Rows& names) {
  std::unordered_map<Oid, std::string> schemas;
  for (const PartitionedTable& table : tables) schemas.emplace(table.oid, table.schema);
  std::unordered_map<Oid, RowReader> rows;
  for (std::size_t i = 0; i < names.rows.size(); ++i) {
    const RowReader row(names, i);
    rows.emplace(static_cast<Oid>(row.Unsigned("oid").value_or(0)), row);
  }
  std::map<std::pair<Oid, std::string>, LeafShare> named;
  for (const LeafShare& share : shares) {
    std::string partition(kOtherPartitions);
    if (const auto row = rows.find(share.leaf); row != rows.end()) {
      const bool beside = row->second.Label("schema") == schemas[share.table];
      partition = row->second.Label(beside ? "name" : "qualified");
    }
    LeafShare& sum = named[{share.table, partition}];
    sum.table = share.table;
    sum.partition = partition;
    sum.bytes += share.bytes;
    sum.rows += share.rows;
  }
  std::vector<LeafShare> all;
  all.reserve(named.size());
  for (auto& [key, share] : named) all.push_back(std::move(share));
  return all;
}

}  // namespace tierwatch
