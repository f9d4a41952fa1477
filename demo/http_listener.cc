#include "demo/http_listener.h"

#include <civetweb.h>
#include <fmt/format.h>

#include <array>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

namespace tierwatch::demo {
namespace {

constexpr std::size_t kMostBody = 1u << 20;

/// Nothing where the body is too long or breaks off.
std::optional<std::string> ReadBody(mg_connection* connection) {
  std::string body;
  std::array<char, 4096> part{};
  for (;;) {
    const int read = mg_read(connection, part.data(), part.size());
    if (read < 0) return std::nullopt;
    if (read == 0) return body;
    body.append(part.data(), static_cast<std::size_t>(read));
    if (body.size() > kMostBody) return std::nullopt;
  }
}

void Write(mg_connection* connection, const Reply& reply, std::string_view method) {
  // One write: two would wait for each other in the network stack.
  std::string bytes = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
      reply.status, mg_get_response_code_text(connection, reply.status), reply.content_type,
      reply.body.size());
  if (method != "HEAD") bytes += reply.body;
  mg_write(connection, bytes.data(), bytes.size());
}

}  // namespace

Result<std::unique_ptr<HttpListener>> HttpListener::Start(const std::string& address,
                                                          Handler handler) {
  mg_init_library(0);
  std::unique_ptr<HttpListener> listener(new HttpListener(std::move(handler)));
  const char* options[] = {"listening_ports",
                           address.c_str(),
                           "num_threads",
                           "8",
                           "tcp_nodelay",
                           "1",
                           "request_timeout_ms",
                           "5000",
                           "enable_directory_listing",
                           "no",
                           "access_control_allow_origin",
                           "",
                           nullptr};
  char text[256] = "";
  mg_error_data error{.code = nullptr, .text = text, .text_buffer_size = sizeof text};
  mg_init_data init{.callbacks = nullptr, .user_data = nullptr, .configuration_options = options};
  listener->context_ = mg_start2(&init, &error);
  if (listener->context_ == nullptr) {
    return Error{fmt::format("can't listen on {}: {}", address, text), Reason::kConnect};
  }
  mg_server_port port{};
  mg_get_server_ports(listener->context_, 1, &port);
  listener->url_ = fmt::format("http://{}:{}", address.substr(0, address.rfind(':')), port.port);
  mg_set_request_handler(listener->context_, "/", &HttpListener::Serve, listener.get());
  return listener;
}

HttpListener::~HttpListener() {
  if (context_ != nullptr) mg_stop(context_);
  mg_exit_library();
}

int HttpListener::Serve(mg_connection* connection, void* self) {
  const mg_request_info* info = mg_get_request_info(connection);
  // An exception that left this function would end the process.
  try {
    Request request{.method = info->request_method, .path = info->local_uri, .body = {}};
    std::optional<std::string> body = ReadBody(connection);
    Reply reply{.status = 413, .content_type = "text/plain", .body = "request body too long\n"};
    if (body) {
      request.body = *std::move(body);
      reply = static_cast<HttpListener*>(self)->handler_(request);
    }
    Write(connection, reply, request.method);
    return reply.status;
  } catch (const std::exception&) {
    Write(connection, {.status = 500, .content_type = "text/plain", .body = "internal error\n"},
          "");
    return 500;
  }
}

}  // namespace tierwatch::demo
