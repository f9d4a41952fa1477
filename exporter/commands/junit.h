// Results of tests as JUnit XML, which build servers read.
#pragma once

#include <string>
#include <vector>

namespace tierwatch {

struct JunitCase {
  std::string name;
  std::vector<std::string> failures;  // none: it passed
  std::string error;                  // why it could not be run
};

struct JunitSuite {
  std::string name;
  std::string timestamp;  // ISO 8601
  std::vector<JunitCase> cases;
};

/// A whole document, in the form of promtool's. Characters that XML can't hold become U+FFFD.
std::string JunitXml(const std::vector<JunitSuite>& suites);

}  // namespace tierwatch
