#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/labels.h"

namespace tierwatch {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      break;
  }
  return "error";
}

// `text` between double quotes with JSON's escapes, which logfmt readers know too.
void AppendQuoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        line += "\\\"";
        break;
      case '\\':
        line += "\\\\";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\t':
        line += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          line += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          line += c;
        }
    }
  }
  line += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '=' || c == '"' || c == '\\')
      return true;
  }
  return false;
}

void AppendLogfmt(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line += ' ';
  for (const char c : key) line += NeedsQuotes({&c, 1}) ? '_' : c;
  line += '=';
  const std::string text = ToUtf8(value);
  if (NeedsQuotes(text)) {
    AppendQuoted(line, text);
  } else {
    line += text;
  }
}

void AppendJson(std::string& line, std::string_view key, std::string_view value) {
  line += line.empty() ? '{' : ',';
  AppendQuoted(line, ToUtf8(key));
  line += ':';
  AppendQuoted(line, ToUtf8(value));
}

// Milliseconds are always written, so that lines align and sort as text.
std::string LineTimestamp(TimestampMs now) {
  std::string text = FormatTimestamp(now - now % 1000);
  text.pop_back();
  return text + fmt::format(".{:03}Z", now % 1000);
}

// spdlog holds the lock and the stream; the line is made here, since its patterns can't quote.
class StderrLogger final : public Logger {
 public:
  StderrLogger(LogLevel least, LogFormat format)
      : least_(least),
        format_(format),
        sink_("tierwatch", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    sink_.set_pattern("%v");
    sink_.flush_on(spdlog::level::info);
  }

  void Write(LogLevel level, std::string_view message,
             std::initializer_list<LogField> fields) override {
    if (level < least_) return;
    const std::string line =
        FormatLogLine(format_, LineTimestamp(clock_.Now()), level, message, fields);
    sink_.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  const LogLevel least_;
  const LogFormat format_;
  const SystemClock clock_;
  spdlog::logger sink_;
};

class NullLogger final : public Logger {
 public:
  void Write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace

std::string FormatLogLine(LogFormat format, std::string_view timestamp, LogLevel level,
                          std::string_view message, std::initializer_list<LogField> fields) {
  const auto append = format == LogFormat::kJson ? AppendJson : AppendLogfmt;
  std::string line;
  append(line, "ts", timestamp);
  append(line, "level", LevelName(level));
  append(line, "msg", message);
  for (const LogField& field : fields) append(line, field.key, field.value);
  if (format == LogFormat::kJson) line += '}';
  return line;
}

std::unique_ptr<Logger> MakeStderrLogger(LogLevel least, LogFormat format) {
  return std::make_unique<StderrLogger>(least, format);
}

std::unique_ptr<Logger> MakeNullLogger() { return std::make_unique<NullLogger>(); }

}  // namespace tierwatch
