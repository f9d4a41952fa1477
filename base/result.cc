#include "base/result.h"

namespace tierwatch {

std::string_view ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kConnect:
      return "connect";
    case Reason::kAuth:
      return "auth";
    case Reason::kTls:
      return "tls";
    case Reason::kTimeout:
      return "timeout";
    case Reason::kLock:
      return "lock";
    case Reason::kPrivileges:
      return "privileges";
    case Reason::kParse:
      return "parse";
    case Reason::kLimit:
      return "limit";
    case Reason::kCanceled:
      return "canceled";
    case Reason::kOther:
      break;
  }
  return "other";
}

}  // namespace tierwatch
