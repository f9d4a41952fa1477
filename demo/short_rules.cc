#include "demo/short_rules.h"

#include <algorithm>

#include "base/duration.h"

namespace tierwatch::demo {
namespace {

constexpr std::string_view kBlanks = " -";

/// The value of `key: value` where the line is that, without blanks, a list's dash and quotes; else
/// nothing.
std::string_view ValueOf(std::string_view line, std::string_view key) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  if (!line.starts_with(key) || !line.substr(key.size()).starts_with(": ")) return {};
  line.remove_prefix(key.size() + 2);
  const std::size_t begin = std::min(line.find_first_not_of(" \"'"), line.size());
  const std::size_t end = line.find_first_of(" \"'#\r\n", begin);
  return line.substr(begin, end == std::string_view::npos ? end : end - begin);
}

class Shortener {
 public:
  Shortener(int factor, std::vector<Shortened>& shortened)
      : factor_(factor), shortened_(shortened) {}

  /// A line of the file, shortened.
  std::string Line(std::string_view line) {
    for (const char* key : {"name", "alert"}) {
      if (const std::string_view name = ValueOf(line, key); !name.empty()) alert_ = name;
    }
    for (const char* key : {"duration", "for"}) {
      const std::string_view value = ValueOf(line, key);
      if (!value.empty()) return Replace(line, value, alert_);
    }
    return Ranges(line);
  }

 private:
  std::string Ranges(std::string_view line) {
    std::string out(line);
    for (std::size_t open = out.find('['); open != std::string::npos;
         open = out.find('[', open + 1)) {
      const std::size_t close = out.find_first_of(":]", open);
      if (close == std::string::npos) break;
      out = Replace(out, std::string_view(out).substr(open + 1, close - open - 1), "");
    }
    return out;
  }

  /// `line` with the duration `value`, which is a part of it, made shorter; unchanged where it is
  /// none.
  std::string Replace(std::string_view line, std::string_view value, const std::string& alert) {
    const Result<Millis> from = ParseDuration(value);
    if (!from.ok() || from->count() <= 0) return std::string(line);
    const Millis to = std::max(Millis(1'000), *from / factor_);
    shortened_.push_back({alert, *from, to});
    std::string out(line);
    out.replace(static_cast<std::size_t>(value.data() - line.data()), value.size(),
                FormatDuration(to));
    return out;
  }

  const int factor_;
  std::vector<Shortened>& shortened_;
  std::string alert_;
};

}  // namespace

std::string ShortenRules(std::string_view text, int factor, std::vector<Shortened>& shortened) {
  Shortener shortener(factor, shortened);
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out += shortener.Line(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace tierwatch::demo
