// One configured way to tell a receiver: all that grouping, outbox and delivery know of it.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "alerts/receivers/notification.h"
#include "base/clock.h"

namespace tierwatch {

/// kMerged is the outbox's word: the notification went on as part of a later one.
enum class Outcome { kDelivered, kRetry, kFailed, kExpired, kMerged };
/// "delivered", "retry", "failed", "expired" or "merged".
std::string_view OutcomeName(Outcome outcome);

/// What an attempt is told besides the body.
struct SendContext {
  std::string idempotency_key;  // the same for every attempt to tell one notification
  std::string state;  // what the group's last delivery to this integration gave; "" at first
  TimestampMs now = 0;
  std::stop_token stop{};  // ends the attempt within a moment
};

/// What became of an attempt: delivered, to be tried again, or failed for good.
struct SendResult {
  Outcome outcome = Outcome::kRetry;
  int status = 0;                      // of HTTP or SMTP; 0 without an answer
  std::string reason;                  // "HTTP 503", "timed out after 10s"; never a URL or a secret
  Millis retry_after{0};               // asked for by the receiver; 0 where it said nothing
  bool may_have_arrived = false;       // there was no answer, but all may have been received
  std::optional<std::string> state{};  // small; to be kept for the group (Slack's message)
};

/// Thread-safe; several attempts may run at a time. Immutable but for connections that are kept.
class Integration {
 public:
  struct Identity {
    std::string receiver;  // "on-call"
    std::string name;      // "on-call/webhook[0]": the name of its queue
    bool send_resolved = true;
  };

  explicit Integration(Identity identity) : identity_(std::move(identity)) {}
  virtual ~Integration() = default;
  Integration(const Integration&) = delete;
  Integration& operator=(const Integration&) = delete;

  const std::string& receiver() const { return identity_.receiver; }
  const std::string& name() const { return identity_.name; }
  bool send_resolved() const { return identity_.send_resolved; }

  /// What the outbox keeps until it is delivered, for `Send` of this or a later process to read.
  /// Holds no secret of the configuration. A template that fails stands in it as
  /// `<error expanding template: …>`: a page goes out all the same.
  virtual std::string Encode(const Notification& notification) const = 0;
  /// One attempt, bounded in time. A body that it can't read has failed.
  virtual SendResult Send(const std::string& body, const SendContext& context) = 0;

 private:
  const Identity identity_;
};

}  // namespace tierwatch
