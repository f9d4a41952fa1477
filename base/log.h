// Logging: one line per event, in logfmt or JSON, to stderr.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tierwatch {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

/// A key and a value; numbers are formatted by fmt.
struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  template <class T>
  LogField(std::string_view k, const T& v) : key(k), value(fmt::to_string(v)) {}
};

/// Thread-safe. A Logger is passed to what logs; there is no global one.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Write(LogLevel level, std::string_view message,
                     std::initializer_list<LogField> fields) = 0;

  void Debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kWarn, message, fields);
  }
  void Error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kError, message, fields);
  }
};

/// Writes to stderr. Keys of a line: ts, level, msg, then the fields.
std::unique_ptr<Logger> MakeStderrLogger(LogLevel least, LogFormat format);
/// Says nothing: for tests and for commands that print their own words.
std::unique_ptr<Logger> MakeNullLogger();

/// The line that the logger writes, without its end: for tests and for other sinks.
std::string FormatLogLine(LogFormat format, std::string_view timestamp, LogLevel level,
                          std::string_view message, std::initializer_list<LogField> fields);

}  // namespace tierwatch
