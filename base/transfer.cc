#include "base/transfer.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/duration.h"

namespace tierwatch::transfer {
namespace {

Reason ReasonOf(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return Reason::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return Reason::kTls;
    case CURLE_OPERATION_TIMEDOUT:
      return Reason::kTimeout;
    case CURLE_FILESIZE_EXCEEDED:
      return Reason::kLimit;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
      return Reason::kParse;
    default:
      return Reason::kOther;
  }
}

curl_socket_t OnOpenSocket(void* user, curlsocktype, curl_sockaddr* peer) {
  auto& guard = *static_cast<NetworkGuard*>(user);
  if (!Contains(guard.allowed, peer->addr)) {
    guard.refused = AddressText(peer->addr);
    return CURL_SOCKET_BAD;
  }
  return ::socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

}  // namespace

Channel::Channel() {
  static const CURLcode kReady =
      curl_global_init(CURL_GLOBAL_DEFAULT);  // once a process, as libcurl asks for
  if (kReady != CURLE_OK) return;
  multi.reset(curl_multi_init());
  easy.reset(curl_easy_init());
}

void Append(SList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return;
  (void)list.release();
  list.reset(longer);
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) + 1 - first);
}

// A transfer is ended from inside: taken out of its multi handle, one over SMTP would be completed
// as if all of the mail had been sent.
std::optional<CURLcode> Perform(Channel& channel, const std::stop_token& stop,
                                const std::function<void(int socket)>& kept) {
  CURLM* multi = channel.multi.get();
  CURL* easy = channel.easy.get();
  const auto is_over = [](void* token, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
    return static_cast<const std::stop_token*>(token)->stop_requested() ? 1 : 0;
  };
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, +is_over);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &stop);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return CURLE_FAILED_INIT;
  {
    const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
    for (int running = 1; running > 0;) {
      const bool last = stop.stop_requested();
      if (curl_multi_perform(multi, &running) != CURLM_OK || last) break;
      if (running > 0) curl_multi_poll(multi, nullptr, 0, 1'000, nullptr);
    }
  }
  std::optional<CURLcode> code;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  }
  curl_socket_t socket = CURL_SOCKET_BAD;
  if (kept && code == CURLE_OK &&
      curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK &&
      socket != CURL_SOCKET_BAD) {
    kept(socket);
  }
  curl_multi_remove_handle(multi, easy);
  if (stop.stop_requested() && code.value_or(CURLE_ABORTED_BY_CALLBACK) != CURLE_OK)
    return std::nullopt;
  return code.value_or(CURLE_FAILED_INIT);
}

void SetTimes(CURL* easy, Times times) {
  const auto ms = [](Millis duration) {
    return static_cast<long>(std::max(duration.count(), Millis::rep{1}));
  };
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms(times.total));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms(std::min(times.connect, times.total)));
  // Without this, a timeout during name resolution waits for the resolver to give up by itself.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 10L);
}

namespace {

// The same options of the connection to a server, and of the one to a proxy.
struct TlsKeys {
  CURLoption ca_file, ca_path, cert_file, key_file, key_password, verify_peer, verify_host;
};
constexpr TlsKeys kOfServer{CURLOPT_CAINFO,        CURLOPT_CAPATH,    CURLOPT_SSLCERT,
                            CURLOPT_SSLKEY,        CURLOPT_KEYPASSWD, CURLOPT_SSL_VERIFYPEER,
                            CURLOPT_SSL_VERIFYHOST};
constexpr TlsKeys kOfProxy{CURLOPT_PROXY_CAINFO,        CURLOPT_PROXY_CAPATH,
                           CURLOPT_PROXY_SSLCERT,       CURLOPT_PROXY_SSLKEY,
                           CURLOPT_PROXY_KEYPASSWD,     CURLOPT_PROXY_SSL_VERIFYPEER,
                           CURLOPT_PROXY_SSL_VERIFYHOST};

}  // namespace

void SetTls(CURL* easy, const TlsOptions& tls) {
  for (const TlsKeys& keys : {kOfServer, kOfProxy}) {
    if (!tls.ca_file.empty()) {
      // Only this authority is trusted, and the file is read at every new connection.
      curl_easy_setopt(easy, keys.ca_file, tls.ca_file.c_str());
      curl_easy_setopt(easy, keys.ca_path, nullptr);
      curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    }
    if (!tls.cert_file.empty()) curl_easy_setopt(easy, keys.cert_file, tls.cert_file.c_str());
    if (!tls.key_file.empty()) curl_easy_setopt(easy, keys.key_file, tls.key_file.c_str());
    // A key that is encrypted is an error; OpenSSL would ask the terminal for its password.
    curl_easy_setopt(easy, keys.key_password, "");
    curl_easy_setopt(easy, keys.verify_peer, tls.insecure_skip_verify ? 0L : 1L);
    curl_easy_setopt(easy, keys.verify_host, tls.insecure_skip_verify ? 0L : 2L);
  }
}

void SetGuard(CURL* easy, NetworkGuard& guard) {
  if (guard.allowed.empty()) return;
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &guard);
}

bool IsToken(std::string_view text) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), ok);
}

bool IsHeaderValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

Error Failure(CURL* easy, CURLcode code, std::string_view detail, Times times,
              const NetworkGuard& guard) {
  if (!guard.refused.empty() && code == CURLE_COULDNT_CONNECT)
    return Error{guard.refused + " is not in allowed_networks", Reason::kConnect};
  if (code == CURLE_OPERATION_TIMEDOUT) {
    curl_off_t connected = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    const bool connecting = connected == 0 && times.connect < times.total;
    return Error{connecting ? "timed out connecting after " + FormatDuration(times.connect)
                            : "timed out after " + FormatDuration(times.total),
                 Reason::kTimeout};
  }
  detail = Trim(detail);
  return Error{std::string(detail.empty() ? curl_easy_strerror(code) : detail), ReasonOf(code)};
}

}  // namespace tierwatch::transfer
