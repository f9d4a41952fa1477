// The commands about notifications: silences, what was sent, and whether receivers can be told.
#pragma once

#include <string>
#include <vector>

namespace tierwatch {

struct SilenceOptions {
  std::string url;  // of a running tierwatch or Alertmanager
  std::vector<std::string> matchers;
  std::string duration = "1h";
  std::string author;
  std::string comment;
  std::vector<std::string> ids;
  bool expired = false;  // list those that are over too
};

// All give the exit status: 0, or 1 where something was wrong, which is told on stderr.

/// Prints the id of the new silence.
int SilenceAddCommand(const SilenceOptions& options);
int SilenceListCommand(const SilenceOptions& options);
int SilenceExpireCommand(const SilenceOptions& options);
/// What was sent, when, and what was answered; the newest last.
int NotificationsCommand(const std::string& url);
/// Sends a test page to every integration of the configuration and tells what it answered.
int TestReceiversCommand(const std::string& config_file);

}  // namespace tierwatch
