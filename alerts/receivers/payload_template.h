// A webhook's own `payload`: any YAML whose texts are templates, sent as JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "alerts/receivers/global_config.h"

namespace tierwatch {

/// Immutable, thread-safe. Keys of maps are templates too and come sorted. What a text expands to
/// is read as YAML where that gives more than text: `'{{ .Alerts | toJson }}'` becomes a list, "5"
/// a number, "" null. Unlike in Alertmanager (template.DeepCopyWithTemplate), what comes of that is
/// not expanded again: a label can't bring a template along.
class PayloadTemplate {
 public:
  /// Texts that can't be compiled are findings.
  static PayloadTemplate Read(const YamlNode& node, const GlobalConfig& global,
                              Diagnostics& diagnostics);

  /// JSON with a line feed at its end.
  std::string Expand(const NotificationData& data) const;

 private:
  struct Json;  // of the .cc

  Json Expanded(const NotificationData& data) const;

  YamlNode::Kind kind_ = YamlNode::Kind::kNull;
  NotificationTemplate text_;
  std::vector<std::pair<NotificationTemplate, PayloadTemplate>> members_;
  std::vector<PayloadTemplate> items_;
};

}  // namespace tierwatch
