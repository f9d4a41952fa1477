#include "alerts/promql/functions.h"

#include <algorithm>

namespace tierwatch::promql {

int Function::arg_count() const {
  return static_cast<int>(std::find(args.begin(), args.end(), ValueType::kNone) - args.begin());
}

const Function* FindFunction(std::string_view name) {
  for (const auto family : {MathFunctions(), TimeFunctions(), LabelFunctions(), VectorFunctions(),
                            RateFunctions(), OverTimeFunctions(), HistogramFunctions()}) {
    for (const Function& function : family) {
      if (function.name == name) return &function;
    }
  }
  return nullptr;
}

}  // namespace tierwatch::promql
