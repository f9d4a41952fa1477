// An `alerting` section for tests, from YAML that has no mistakes.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "alerts/notify/config.h"

namespace tierwatch {

/// Any finding fails the test.
inline NotifyConfig NotifyConfigOf(std::string_view yaml) {
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(yaml, "am.yml", diagnostics);
  NotifyConfig config = ReadNotifyConfig(node.value_or(YamlNode()), diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  return config;
}

}  // namespace tierwatch
