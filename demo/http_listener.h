// A small HTTP server on one address: what the demo's backend and its on-call phone listen with.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

struct mg_connection;
struct mg_context;

namespace tierwatch::demo {

struct Request {
  std::string method;
  std::string path;
  std::string body;  // up to 1 MiB; longer ones are answered with 413
};

struct Reply {
  int status = 200;
  std::string content_type;
  std::string body;
};

/// Serves until destruction, which waits for the requests in flight (up to two seconds). Over
/// civetweb.
class HttpListener {
 public:
  /// Called on several threads at once, which have small stacks: a handler reads figures or hands
  /// over, nothing more.
  using Handler = std::function<Reply(const Request&)>;

  /// `address` is "127.0.0.1:4000"; port 0 is any free one.
  static Result<std::unique_ptr<HttpListener>> Start(const std::string& address, Handler handler);
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  /// "http://127.0.0.1:4000", with the real port.
  const std::string& url() const { return url_; }

 private:
  explicit HttpListener(Handler handler) : handler_(std::move(handler)) {}
  static int Serve(mg_connection* connection, void* self);

  const Handler handler_;
  mg_context* context_ = nullptr;
  std::string url_;
};

}  // namespace tierwatch::demo
