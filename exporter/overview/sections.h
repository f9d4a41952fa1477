// What the overview shows of each kind of target: a table each, and nothing where there are none.
#pragma once

#include <string>

#include "exporter/overview/overview.h"

namespace tierwatch {

std::string TierSection(const OverviewSource& source);
std::string ReplicaSection(const OverviewSource& source);
std::string PartitionSection(const OverviewSource& source);
std::string PoolSection(const OverviewSource& source);

}  // namespace tierwatch
