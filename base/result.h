// Errors as values: Result<T> holds a T or an Error, as C++23's std::expected would.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tierwatch {

/// Why something failed, in the few words that `tierwatch_target_errors_total{reason}` knows.
enum class Reason {
  kOther,
  kConnect,
  kAuth,
  kTls,
  kTimeout,
  kLock,
  kPrivileges,
  kParse,
  kLimit,
  kCanceled
};

/// The label value of a reason: "connect", "auth", … "other".
std::string_view ReasonName(Reason reason);

struct Error {
  std::string message;
  Reason reason = Reason::kOther;

  /// Adds what was being done, outermost first: "redis 10.0.0.7:6379: INFO: timed out after 2s".
  [[nodiscard]] Error In(std::string_view context) && {
    return Error{std::string(context) + ": " + message, reason};
  }
};

/// A value or an error. `ok()` first, then `value()` or `error()`; asking for the other one is a
/// bug.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    assert(!ok());
    return *error_;
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace tierwatch
