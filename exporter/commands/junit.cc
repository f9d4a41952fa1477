#include "exporter/commands/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/html.h"
#include "base/labels.h"

namespace tierwatch {
namespace {

// XML has no control characters; a bare line feed in an attribute reads as a space.
std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : EscapeHtml(ToUtf8(text))) {
    const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t';
    out += c == '\n' ? "&#xA;" : control ? "\xEF\xBF\xBD" : std::string(1, c);
  }
  return out;
}

std::string CaseXml(const JunitCase& test) {
  std::string xml = fmt::format("    <testcase name=\"{}\">\n", Escape(test.name));
  for (const std::string& failure : test.failures) {
    xml += fmt::format("      <failure>{}</failure>\n", Escape(failure));
  }
  if (!test.error.empty()) xml += fmt::format("      <error>{}</error>\n", Escape(test.error));
  return xml + "    </testcase>\n";
}

}  // namespace

std::string JunitXml(const std::vector<JunitSuite>& suites) {
  std::string xml = "<testsuites>\n";
  for (const JunitSuite& suite : suites) {
    const auto failed = [](const JunitCase& test) { return !test.failures.empty(); };
    const auto broken = [](const JunitCase& test) { return !test.error.empty(); };
    xml += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" "
        "timestamp=\"{}\">\n",
        Escape(suite.name), suite.cases.size(),
        std::count_if(suite.cases.begin(), suite.cases.end(), failed),
        std::count_if(suite.cases.begin(), suite.cases.end(), broken), Escape(suite.timestamp));
    for (const JunitCase& test : suite.cases) xml += CaseXml(test);
    xml += "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

}  // namespace tierwatch
