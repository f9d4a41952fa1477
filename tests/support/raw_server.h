// A TCP server that says fixed bytes, however wrong they are: the peer that no real server would
// be.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/clock.h"

namespace tierwatch {

struct RawAnswer {
  std::string bytes;
  bool after_request = true;  // waits for the peer's first bytes
  Millis per_byte{0};         // 0: all at once
  bool endless = false;       // says `bytes` again and again
  bool close = true;          // afterwards; otherwise the connection stays open and silent
  std::string greeting = {};  // answers the first request; `bytes` then wait for another one
};

/// Answers one connection after the other, each the same way, until destruction.
class RawServer {
 public:
  explicit RawServer(RawAnswer answer);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  int port() const { return port_; }

 private:
  void Serve(std::stop_token stop) const;
  void Answer(int fd, std::stop_token stop) const;

  const RawAnswer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace tierwatch
