// The HTTP server: routes by path, limits on everything a client sends. The one adapter of
// civetweb's C API.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace tierwatch {

/// What a client asked; `path` and `query` as they came, the path percent-decoded.
struct ServerRequest {
  std::string method;
  std::string path;
  std::string path_parameter{};  // what stood for the `{…}` of the endpoint's path
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  /// The value of a header, "" where it is absent; `name` in lower case.
  std::string_view Header(std::string_view name) const;
  /// A parameter of the form body of a POST, else of the query; decoded. One with a broken escape
  /// is left out.
  std::optional<std::string> Parameter(std::string_view name) const;
  /// All of that name: those of the body first.
  std::vector<std::string> Parameters(std::string_view name) const;
  /// True where Accept-Encoding names gzip (or *) with a quality above 0.
  bool AcceptsGzip() const;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<const std::string> body;  // shared, so that a page is never copied

  static HttpReply Of(int status, std::string content_type, std::string body);
};

using HttpHandler = std::function<HttpReply(const ServerRequest&)>;

/// The answer of a handler that threw: 500 as plain text.
HttpReply AnswerFailure();

/// A path and who answers it. HEAD is answered as GET without the body.
struct Endpoint {
  std::string path;  // one part of it may be a `{name}`, for which any one part of a path stands
  HttpHandler handler;
  std::vector<std::string> methods{"GET", "HEAD"};
  /// True: the handler only hands over what is ready, so it runs on the connection's own thread,
  /// whose stack is small, and the connection is kept alive. False: it runs on a thread with a full
  /// stack; the connection is closed.
  bool ready_made = false;
  std::size_t max_body_bytes = 0;  // 0: the server's limit
  /// Called with the status where a body was not taken, and so the handler not called.
  std::function<void(int)> body_refused = {};
  HttpReply (*failure)() = AnswerFailure;  // what is answered where the handler throws
};

struct HttpServerOptions {
  std::string listen_address = "0.0.0.0:9917";  // host:port or :port; port 0 takes a free one
  int max_connections = 64;                     // one small thread each
  Millis request_timeout{5'000};                // for the request to arrive
  std::size_t max_body_bytes = 1u << 20;
};

/// Serves from Start until destruction, which waits for requests under way. An exception of a
/// handler is logged and answered by the endpoint's `failure`. Errors of Start say why: "listen on
/// 127.0.0.1:9917: … Address already in use".
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   std::vector<Endpoint> routes, Logger& logger);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The port that is listened on.
  int port() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Finds what is wrong with a listen address: "" if nothing.
std::string CheckListenAddress(std::string_view address);

}  // namespace tierwatch
