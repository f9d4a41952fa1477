// libcurl as the clients of this folder use it: handles that free themselves, a transfer that can
// be stopped, and what its failure means. For base/*.cc alone.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/http_client.h"

namespace tierwatch::transfer {

struct FreeEasy {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using SList = std::unique_ptr<curl_slist, FreeList>;

void Append(SList& list, const std::string& line);

/// One transfer at a time. The multi handle owns the connections that are kept alive, and can be
/// woken up by another thread, which an easy handle by itself can't. Check both: they may be null.
struct Channel {
  Channel();
  std::unique_ptr<CURLM, FreeMulti> multi;
  std::unique_ptr<CURL, FreeEasy> easy;
};

/// Runs what the channel's easy handle was set up for until it ends; nothing where `stop` was
/// requested before. `kept` is told the connection that stays open for the next transfer.
std::optional<CURLcode> Perform(Channel& channel, const std::stop_token& stop,
                                const std::function<void(int socket)>& kept = {});

struct Times {
  Millis connect;
  Millis total;
};
void SetTimes(CURL* easy, Times times);
void SetTls(CURL* easy, const TlsOptions& tls);

/// Keeps a transfer from peers outside of `allowed` (empty: from none). The address that is really
/// connected to is judged, so a name that now means another one is no way around it.
struct NetworkGuard {
  const Networks& allowed;
  std::string refused;  // the last address that was
};
/// `guard` must outlive the transfer.
void SetGuard(CURL* easy, NetworkGuard& guard);

/// What a code other than CURLE_OK means. `detail` is what CURLOPT_ERRORBUFFER got.
Error Failure(CURL* easy, CURLcode code, std::string_view detail, Times times,
              const NetworkGuard& guard);

/// What HTTP allows as a name of a method or a header, and as a header's value.
bool IsToken(std::string_view text);
bool IsHeaderValue(std::string_view text);

/// Percent-encoded.
std::string Escape(std::string_view text);
/// Without the white space around it.
std::string_view Trim(std::string_view text);

}  // namespace tierwatch::transfer
