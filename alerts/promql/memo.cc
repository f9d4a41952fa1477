#include "alerts/promql/memo.h"

#include <algorithm>

namespace tierwatch::promql {

const FramePtr& Memos::Unlabelled(const std::shared_ptr<series::Symbols>& symbols) {
  if (!unlabelled_ || unlabelled_->symbols() != symbols) {
    FrameBuilder frame(symbols);
    frame.Add({});
    unlabelled_ = frame.Finish(true);
  }
  return unlabelled_;
}

FramePtr Settled(FramePtr& kept, FramePtr fresh) {
  const auto same = [&] {
    if (!kept || kept->size() != fresh->size() || kept->symbols() != fresh->symbols()) return false;
    for (std::size_t i = 0; i < fresh->size(); ++i) {
      if (kept->DropsName(i) != fresh->DropsName(i) ||
          !std::ranges::equal((*kept)[i], (*fresh)[i])) {
        return false;
      }
    }
    return true;
  };
  if (!same()) kept = std::move(fresh);
  return kept;
}

}  // namespace tierwatch::promql
