// Alerts in the state database.
#pragma once

#include <memory>

#include "alerts/rules/alert_store.h"
#include "base/database.h"

namespace tierwatch {

/// Tables `alert`, `alert_rule` and `alive` of `database`, made where they are missing. What a row
/// says that can't be read is left out, never fatal.
Result<std::unique_ptr<AlertStore>> MakeAlertDatabase(Database database);

}  // namespace tierwatch
