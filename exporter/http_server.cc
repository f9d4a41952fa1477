#include "exporter/http_server.h"

#include <civetweb.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

namespace tierwatch {

struct HttpServer::State {
  State(const HttpServerOptions& o, Logger& l) : options(o), logger(l) {}

  static int OnRequest(mg_connection* connection);
  static int OnError(mg_connection* connection, int status, const char* message);
  static int OnMessage(const mg_connection* connection, const char* message);

  HttpServerOptions options;
  Logger& logger;
  const Endpoint* Find(ServerRequest& request) const;

  std::map<std::string, Endpoint, std::less<>> routes;
  mg_context* context = nullptr;
  std::mutex mutex;
  bool started = false;      // guarded by mutex
  std::string start_errors;  // guarded by mutex
};

namespace {

constexpr std::size_t kOneWrite = 64 << 10;  // up to here, header and body go out together

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

HttpReply Plain(int status, std::string_view text) {
  return HttpReply::Of(status, "text/plain; charset=utf-8", std::string(text) + "\n");
}

// The body, bounded; nothing and a reply where it can't be taken.
std::optional<HttpReply> ReadBody(mg_connection* connection, const Endpoint& route,
                                  const HttpServerOptions& options, ServerRequest& request) {
  const std::size_t limit =
      route.max_body_bytes > 0 ? route.max_body_bytes : options.max_body_bytes;
  const long long length = mg_get_request_info(connection)->content_length;
  const bool chunked = !request.Header("transfer-encoding").empty();
  if (chunked && !request.Header("content-length").empty()) {
    return Plain(400, "Content-Length and Transfer-Encoding exclude each other");
  }
  const auto too_large = [limit] {
    return Plain(413, fmt::format("the body is larger than {} bytes", limit));
  };
  if (length > 0 && static_cast<unsigned long long>(length) > limit) return too_large();
  if (length <= 0 && !chunked) return std::nullopt;
  // mg_read fills its buffer however slowly the bytes come, with a timeout for each, so the
  // deadline of the whole body is looked at in between: a piece is as large as all that came in
  // time before.
  constexpr std::size_t kSmallest = 16, kLargest = 16 << 10;
  const auto deadline = std::chrono::steady_clock::now() + options.request_timeout;
  std::size_t size = 0;
  int count = 0;
  do {
    const std::size_t piece = std::clamp(size, kSmallest, kLargest);
    request.body.resize(size + piece);
    count = mg_read(connection, request.body.data() + size, piece);
    size += static_cast<std::size_t>(std::max(count, 0));
    if (size > limit) return too_large();
    if (std::chrono::steady_clock::now() > deadline) return Plain(408, "the body came too slowly");
  } while (count > 0);
  request.body.resize(size);
  if (count < 0 || (length > 0 && request.body.size() != static_cast<std::size_t>(length))) {
    return Plain(408, "the body did not arrive");
  }
  return std::nullopt;
}

// Connections' threads have stacks of 100 KiB: what works gets a thread with a stack of its own.
// Their number is bounded by the number of connections.
HttpReply RunOnFullStack(const HttpHandler& handler, const ServerRequest& request) {
  HttpReply reply;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      reply = handler(request);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return reply;
}

HttpReply RunHandler(const Endpoint& route, const ServerRequest& request, Logger& logger) {
  try {
    return route.ready_made ? route.handler(request) : RunOnFullStack(route.handler, request);
  } catch (const std::exception& error) {
    logger.Error("a request failed", {{"path", request.path}, {"error", error.what()}});
  } catch (...) {
    logger.Error("a request failed", {{"path", request.path}});
  }
  return route.failure();
}

void Send(mg_connection* connection, const ServerRequest& request, const HttpReply& reply,
          bool keep) {
  static const std::string kNothing;
  const std::string& body = reply.body ? *reply.body : kNothing;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nConnection: {}\r\n", reply.status,
                                 mg_get_response_code_text(connection, reply.status),
                                 keep ? "keep-alive" : "close");
  constexpr int kNoContent = 204;
  if (reply.status != kNoContent) {
    head +=
        fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", reply.content_type, body.size());
  }
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  head += "\r\n";
  const bool with_body = request.method != "HEAD";
  const bool together = with_body && body.size() <= kOneWrite;
  if (together) head += body;
  if (!keep) mg_disable_connection_keep_alive(connection);
  mg_write(connection, head.data(), head.size());
  if (with_body && !together) mg_write(connection, body.data(), body.size());
}

ServerRequest ReadRequest(const mg_request_info& info) {
  ServerRequest request;
  request.method = info.request_method;
  request.path = info.local_uri ? info.local_uri : "";
  request.query = info.query_string ? info.query_string : "";
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers.emplace_back(Lower(info.http_headers[i].name), info.http_headers[i].value);
  }
  return request;
}

HttpReply Answer(mg_connection* connection, const Endpoint* route, const HttpServerOptions& options,
                 ServerRequest& request, Logger& logger) {
  if (route == nullptr) return Plain(404, "no such page");
  const std::vector<std::string>& methods = route->methods;
  if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
    HttpReply reply = Plain(405, "this method is not allowed here");
    reply.headers.emplace_back("Allow", fmt::format("{}", fmt::join(methods, ", ")));
    return reply;
  }
  if (auto refused = ReadBody(connection, *route, options, request)) {
    if (route->body_refused) route->body_refused(refused->status);
    return *refused;
  }
  return RunHandler(*route, request, logger);
}

// civetweb wants "port" or "host:port", and calls every list item of it a listener of its own.
Result<std::string> ListeningPorts(const std::string& address) {
  const std::string problem = CheckListenAddress(address);
  if (!problem.empty()) return Error{problem};
  return address.starts_with(":") ? address.substr(1) : address;
}

void Knock(const std::string& host, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(host.empty() ? "127.0.0.1" : host.c_str(), std::to_string(port).c_str(), &hints,
                    &found) != 0) {
    return;
  }
  const int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (caller >= 0) {
    ::connect(caller, found->ai_addr, found->ai_addrlen);
    ::close(caller);
  }
  ::freeaddrinfo(found);
}

}  // namespace

HttpReply AnswerFailure() { return Plain(500, "internal error; the log says more"); }

std::string CheckListenAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return "a listen address is host:port or :port";
  const std::string_view host = address.substr(0, colon), digits = address.substr(colon + 1);
  if (host.find(':') != std::string_view::npos)  // Debian's civetweb is built without IPv6
    return "IPv6 addresses can't be listened on: 0.0.0.0:port is every address of IPv4";
  const bool clean = std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-';
  });
  if (!clean) return fmt::format("\"{}\" is no host name or IPv4 address", host);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port > 65535) {
    return fmt::format("\"{}\" is no port (0 to 65535)", digits);
  }
  return {};
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      std::vector<Endpoint> routes,
                                                      Logger& logger) {
  const Result<std::string> ports = ListeningPorts(options.listen_address);
  const std::string doing = "listen on " + options.listen_address;
  if (!ports.ok()) return Error(ports.error()).In(doing);
  auto state = std::make_unique<State>(options, logger);
  for (Endpoint& route : routes) state->routes.emplace(route.path, std::move(route));

  mg_callbacks callbacks{};
  callbacks.begin_request = &State::OnRequest;
  callbacks.http_error = &State::OnError;
  callbacks.log_message = &State::OnMessage;
  const std::string threads = std::to_string(std::clamp(options.max_connections, 2, 4096));
  const std::string timeout = std::to_string(options.request_timeout.count());
  // No document_root: nothing of the file system is ever served.
  const char* settings[] = {"listening_ports",
                            ports->c_str(),
                            "num_threads",
                            threads.c_str(),
                            "request_timeout_ms",
                            timeout.c_str(),
                            "enable_keep_alive",
                            "yes",
                            "keep_alive_timeout_ms",
                            "500",
                            "linger_timeout_ms",
                            "500",
                            "tcp_nodelay",
                            "1",
                            "max_request_size",
                            "16384",
                            "enable_directory_listing",
                            "no",
                            "cgi_pattern",
                            "",
                            "access_control_allow_origin",
                            "",
                            "access_control_allow_methods",
                            "",
                            nullptr};
  mg_init_library(0);
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(state)));
  State& made = *server->state_;
  made.context = mg_start(&callbacks, &made, settings);
  const std::lock_guard lock(made.mutex);
  made.started = true;
  if (made.context == nullptr) {
    return Error{made.start_errors.empty() ? "failed" : made.start_errors, Reason::kConnect}.In(
        doing);
  }
  return server;
}

// civetweb looks each two seconds whether it is to stop, and whenever somebody comes.
HttpServer::~HttpServer() {
  if (state_->context != nullptr) {
    const std::string& address = state_->options.listen_address;
    std::jthread knocker([host = address.substr(0, address.rfind(':')),
                          port = port()](const std::stop_token& stopped) {
      for (; !stopped.stop_requested(); std::this_thread::sleep_for(Millis(10))) Knock(host, port);
    });
    mg_stop(state_->context);
  }
  mg_exit_library();
}

int HttpServer::port() const {
  mg_server_port port{};
  return mg_get_server_ports(state_->context, 1, &port) > 0 ? port.port : 0;
}

// Few paths have a parameter, so those are tried one after the other.
const Endpoint* HttpServer::State::Find(ServerRequest& request) const {
  const auto at = routes.find(request.path);
  if (at != routes.end()) return &at->second;
  const std::string_view path = request.path;
  for (const auto& [pattern, endpoint] : routes) {
    const std::size_t open = pattern.find('{'), close = pattern.find('}');
    if (open == std::string::npos || close == std::string::npos) continue;
    const std::string_view head = std::string_view(pattern).substr(0, open);
    const std::string_view tail = std::string_view(pattern).substr(close + 1);
    if (path.size() <= head.size() + tail.size()) continue;
    if (!path.starts_with(head) || !path.ends_with(tail)) continue;
    const auto part = path.substr(head.size(), path.size() - head.size() - tail.size());
    if (part.find('/') != std::string_view::npos) continue;
    request.path_parameter = part;
    return &endpoint;
  }
  return nullptr;
}

int HttpServer::State::OnRequest(mg_connection* connection) {
  auto& self = *static_cast<State*>(mg_get_user_data(mg_get_context(connection)));
  try {
    ServerRequest request = ReadRequest(*mg_get_request_info(connection));
    const Endpoint* route = self.Find(request);
    const HttpReply reply = Answer(connection, route, self.options, request, self.logger);
    // A refused body is still in the pipe, so that connection can't be used again.
    Send(connection, request, reply, route != nullptr && route->ready_made && reply.status < 400);
    return reply.status;
  } catch (...) {  // no memory: an exception must not reach C
    return 500;
  }
}

// What civetweb refuses by itself. Its own page has the date by gmtime, which threads share.
int HttpServer::State::OnError(mg_connection* connection, int status, const char* message) {
  try {
    ServerRequest request;
    const mg_request_info* info = mg_get_request_info(connection);  // null where it made no sense
    if (info != nullptr && info->request_method != nullptr) request.method = info->request_method;
    Send(connection, request, Plain(status, message), false);
    return 0;
  } catch (...) {  // no memory: an exception must not reach C
    return 1;
  }
}

int HttpServer::State::OnMessage(const mg_connection* connection, const char* message) {
  const mg_context* context = connection ? mg_get_context(connection) : nullptr;
  auto* self = context ? static_cast<State*>(mg_get_user_data(context)) : nullptr;
  if (self == nullptr) return 1;
  const std::lock_guard lock(self->mutex);
  if (self->started) {
    self->logger.Debug("http", {{"message", message}});
  } else {
    self->start_errors += (self->start_errors.empty() ? "" : "; ") + std::string(message);
  }
  return 1;
}

}  // namespace tierwatch
