#include "alerts/notify/silences.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <tuple>

namespace tierwatch {
namespace {

using Json = nlohmann::json;

constexpr Millis kKeepExpired = std::chrono::hours(120);  // Alertmanager's --data.retention
constexpr std::size_t kMaxSilences = 10'000;

std::string Encode(const Silence& silence) {
  Json matchers = Json::array();
  for (const AlertMatcher& matcher : silence.matchers.list())
    matchers.push_back({matcher.name(), static_cast<int>(matcher.type()), matcher.value()});
  std::string bytes;
  Json::to_cbor(Json::array({std::move(matchers), silence.starts_at, silence.ends_at,
                             silence.updated_at, silence.created_by, silence.comment}),
                bytes);
  return bytes;
}

Result<Silence> Decode(std::string id, const std::string& bytes) {
  try {
    const Json json = Json::from_cbor(bytes);
    Silence silence;
    silence.id = std::move(id);
    for (const Json& item : json.at(0)) {
      Result<AlertMatcher> matcher =
          AlertMatcher::Make(item.at(0).get<std::string>(),
                             static_cast<AlertMatch>(item.at(1).get<int>()), item.at(2));
      if (!matcher.ok()) return std::move(matcher).error();
      silence.matchers.Add(*std::move(matcher));
    }
    silence.starts_at = json.at(1).get<TimestampMs>();
    silence.ends_at = json.at(2).get<TimestampMs>();
    silence.updated_at = json.at(3).get<TimestampMs>();
    silence.created_by = json.at(4).get<std::string>();
    silence.comment = json.at(5).get<std::string>();
    return silence;
  } catch (const Json::exception& exception) {
    return Error{std::string("silence: ") + exception.what(), Reason::kParse};
  }
}

// RFC 4122, version 4.
std::string NewId() {
  std::random_device random;
  const auto word = [&] { return static_cast<std::uint32_t>(random()); };
  const std::uint32_t a = word(), b = word(), c = word(), d = word();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", a, b >> 16, b & 0xfff,
                     0x8000 | (c >> 16 & 0x3fff), c & 0xffff, d);
}

SilenceError Invalid(std::string message) { return {SilenceError::kInvalid, std::move(message)}; }
SilenceError NotFound(const std::string& id) {
  return {SilenceError::kNotFound, fmt::format("silence {} not found", id)};
}

std::optional<SilenceError> Check(const Silence& silence, TimestampMs now) {
  if (silence.matchers.empty()) return Invalid("invalid silence: at least one matcher required");
  if (silence.matchers.Matches(Labels()))
    return Invalid("invalid silence: at least one matcher must not match the empty string");
  if (silence.starts_at >= silence.ends_at)
    return Invalid("failed to create silence: start time must be before end time");
  if (silence.ends_at < now)
    return Invalid("failed to create silence: end time can't be in the past");
  return std::nullopt;
}

// Whether `before` may become `after` and keep its id.
bool CanBecome(const Silence& before, const Silence& after, TimestampMs now) {
  if (before.matchers.ToString() != after.matchers.ToString()) return false;
  switch (before.StateAt(now)) {
    case SilenceState::kActive:
      return after.starts_at == before.starts_at && after.ends_at >= now;
    case SilenceState::kPending:
      return after.starts_at >= now;
    case SilenceState::kExpired:
      break;
  }
  return false;
}

void End(Silence& silence, TimestampMs now) {
  silence.starts_at = std::min(silence.starts_at, now);
  silence.ends_at = now;
  silence.updated_at = now;
}

}  // namespace

std::string_view SilenceStateName(SilenceState state) {
  return state == SilenceState::kPending  ? "pending"
         : state == SilenceState::kActive ? "active"
                                          : "expired";
}

SilenceState Silence::StateAt(TimestampMs now) const {
  if (now < starts_at) return SilenceState::kPending;
  return now < ends_at ? SilenceState::kActive : SilenceState::kExpired;
}

Silences::Silences(const std::string& database_path, Logger& logger) {
  const Result<void> loaded = Load(database_path);
  if (loaded.ok()) return;
  failure_ = loaded.error().message;
  logger.Error("silences could not be read", {{"error", failure_}});
}

Result<void> Silences::Load(const std::string& path) {
  Result<Database> database = Database::Open(path);
  if (!database.ok()) return std::move(database).error();
  Result<void> made = database->Execute(
      "CREATE TABLE IF NOT EXISTS silences(id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT "
      "ROWID");
  if (!made.ok()) return made;
  auto select = database->Prepare("SELECT id, record FROM silences");
  if (!select.ok()) return std::move(select).error();
  Result<void> damaged;
  Result<void> read = select->ForEach([&](const DatabaseRow& row) {
    Result<Silence> silence = Decode(row.Text(0), row.Text(1));
    if (silence.ok()) {
      silences_.push_back(*std::move(silence));
    } else {
      damaged = Error(silence.error());
    }
  });
  database_ = *std::move(database);
  return read.ok() ? damaged : read;
}

std::optional<SilenceError> Silences::Store(const std::vector<Silence>& changed) {
  const auto failed = [](const std::string& why) {
    return SilenceError{SilenceError::kStorage, "the silence could not be kept: " + why};
  };
  if (!database_) return failed(failure_);
  auto put = database_->Prepare("INSERT OR REPLACE INTO silences VALUES(?1, ?2)");
  if (!put.ok()) return failed(put.error().message);
  const Result<void> done = database_->Transact([&]() -> Result<void> {
    for (const Silence& silence : changed) {
      if (Result<void> one = put->Run(silence.id, Encode(silence)); !one.ok()) return one;
    }
    return {};
  });
  if (!done.ok()) return failed(done.error().message);
  for (const Silence& silence : changed) {
    const auto at = std::find_if(silences_.begin(), silences_.end(),
                                 [&](const Silence& old) { return old.id == silence.id; });
    if (at == silences_.end()) {
      silences_.push_back(silence);
    } else {
      *at = silence;
    }
  }
  return std::nullopt;
}

std::optional<SilenceError> Silences::Set(Silence silence, TimestampMs now, std::string& id) {
  if (auto error = Check(silence, now)) return error;
  const std::lock_guard lock(mutex_);
  ForgetOld(now);
  silence.updated_at = now;
  std::vector<Silence> changed;
  bool in_place = false;
  if (!silence.id.empty()) {
    const auto before = std::find_if(silences_.begin(), silences_.end(),
                                     [&](const Silence& old) { return old.id == silence.id; });
    if (before == silences_.end()) return NotFound(silence.id);
    in_place = CanBecome(*before, silence, now);
    if (!in_place && before->StateAt(now) != SilenceState::kExpired) {
      changed.push_back(*before);
      End(changed.back(), now);
    }
  }
  if (!in_place) {
    if (silences_.size() >= kMaxSilences)
      return Invalid(fmt::format("there are {} silences already", kMaxSilences));
    silence.id = NewId();
    silence.starts_at = std::max(silence.starts_at, now);
  }
  id = silence.id;
  changed.push_back(std::move(silence));
  return Store(changed);
}

std::optional<SilenceError> Silences::Expire(const std::string& id, TimestampMs now) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(silences_.begin(), silences_.end(),
                               [&](const Silence& silence) { return silence.id == id; });
  if (at == silences_.end()) return NotFound(id);
  if (at->StateAt(now) == SilenceState::kExpired)
    return Invalid(fmt::format("silence {} already expired", id));
  Silence ended = *at;
  End(ended, now);
  return Store({ended});
}

std::optional<Silence> Silences::Get(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  for (const Silence& silence : silences_) {
    if (silence.id == id) return silence;
  }
  return std::nullopt;
}

std::vector<Silence> Silences::List(TimestampMs now) const {
  std::vector<Silence> list;
  {
    const std::lock_guard lock(mutex_);
    list = silences_;
  }
  const auto rank = [now](const Silence& silence) {
    const SilenceState state = silence.StateAt(now);
    return state == SilenceState::kActive    ? std::tuple(0, silence.ends_at, silence.id)
           : state == SilenceState::kPending ? std::tuple(1, silence.starts_at, silence.id)
                                             : std::tuple(2, -silence.ends_at, silence.id);
  };
  std::sort(list.begin(), list.end(),
            [&](const Silence& a, const Silence& b) { return rank(a) < rank(b); });
  return list;
}

std::vector<std::string> Silences::Silencing(const Labels& labels, TimestampMs now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const Silence& silence : silences_) {
    if (silence.StateAt(now) == SilenceState::kActive && silence.matchers.Matches(labels))
      ids.push_back(silence.id);
  }
  return ids;
}

// Expired ones are shown for a while.
void Silences::ForgetOld(TimestampMs now) {
  if (!database_) return;
  auto erase = database_->Prepare("DELETE FROM silences WHERE id = ?1");
  if (!erase.ok()) return;
  std::erase_if(silences_, [&](const Silence& silence) {
    return silence.ends_at + kKeepExpired.count() < now && erase->Run(silence.id).ok();
  });
}

}  // namespace tierwatch
