// A small HTTP server for tests: it keeps what it was sent and answers what it was told to.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace tierwatch {

/// What the sink does with one request.
struct SinkReply {
  int status = 200;
  std::map<std::string, std::string> headers{};
  std::string body{};
  Millis delay{0};
  bool hang = false;   // no answer; the connection stays open until the sink ends
  bool close = false;  // the connection is closed without an answer
  int tunnel_to = 0;  // after a 200: bytes go to and fro with this loopback port, until either ends
  std::string raw{};  // these bytes instead of a well-formed answer, then the connection is closed
};

struct SinkRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int answer = 0;  // the status; 0 for none, or something else than an answer
};

/// Listens on a free loopback port until it is destroyed; one thread for each connection.
/// Thread-safe.
class HttpSink {
 public:
  /// 0: a port that is free.
  explicit HttpSink(int port = 0);
  ~HttpSink();
  HttpSink(const HttpSink&) = delete;
  HttpSink& operator=(const HttpSink&) = delete;

  int port() const { return port_; }
  /// "http://127.0.0.1:PORT" and a path.
  std::string Url(const std::string& path = "/") const;
  /// Answers the next requests with these, one each; those after them with the default.
  void Script(std::vector<SinkReply> replies);
  /// Answers every request to `path` with `reply`, before any script.
  void Always(const std::string& path, SinkReply reply);
  /// Everything that came, in the order of arrival.
  std::vector<SinkRequest> Requests() const;
  /// True as soon as `count` requests have come.
  bool WaitForRequests(std::size_t count, Millis timeout = Millis{10'000}) const;

 private:
  void Listen();
  void Serve(int fd);
  SinkReply Next(const SinkRequest& request);

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  bool ending_ = false;
  std::deque<SinkReply> script_;
  std::map<std::string, SinkReply> always_;
  std::vector<SinkRequest> requests_;
  std::vector<int> connections_;
  std::vector<std::thread> servers_;
  std::thread thread_;
};

}  // namespace tierwatch
