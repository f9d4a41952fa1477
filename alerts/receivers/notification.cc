#include "alerts/receivers/notification.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace tierwatch {

std::string_view NotifyReasonName(NotifyReason reason) {
  switch (reason) {
    case NotifyReason::kFirst:
      return "first notification";
    case NotifyReason::kNewAlerts:
      return "new alerts added";
    case NotifyReason::kSomeResolved:
      return "some alerts resolved";
    case NotifyReason::kAllResolved:
      return "all alerts resolved";
    case NotifyReason::kRepeat:
      return "repeat interval elapsed";
    case NotifyReason::kNone:
      break;
  }
  return "none";
}

bool IsFiring(std::span<const Alert> alerts) {
  return std::any_of(alerts.begin(), alerts.end(),
                     [](const Alert& alert) { return alert.state == AlertState::kFiring; });
}

Labels CommonOf(std::span<const Alert> alerts, Labels Alert::*part) {
  if (alerts.empty()) return {};
  Labels common = alerts.front().*part;
  for (const Alert& alert : alerts.subspan(1)) {
    const Labels candidates = common;
    for (const Label& label : candidates) {
      if ((alert.*part).Get(label.name) != label.value) common.Remove(label.name);
    }
  }
  return common;
}

std::string QuoteMeta(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string GroupHash(const Notification& notification) {
  const std::string& key = notification.group_key;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(key.data(), key.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::string hex;
  for (std::size_t i = 0; i < 32; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace tierwatch
