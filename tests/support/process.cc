#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

namespace tierwatch {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Only async-signal-safe calls: the test may have threads.
[[noreturn]] void Exec(pid_t parent, const char* output, char* const* arguments,
                       char* const* environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(output, O_WRONLY | O_APPEND);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execvpe(arguments[0], arguments, environment);
  ::_exit(127);
}

}  // namespace

Process::Process(std::vector<std::string> arguments, std::vector<std::string> environment) {
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const std::string output = dir_.Write("output", "");
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) Exec(parent, output.c_str(), argv.data(), envp.data());
  EXPECT_GT(pid_, 0) << arguments[0] << ": " << std::strerror(errno);
}

Process::~Process() {
  if (!Running()) return;
  Signal(SIGKILL);
  Wait(Millis{10'000});
}

bool Process::Running() { return !Wait(Millis{0}).has_value(); }

void Process::Signal(int signal) const {
  if (pid_ > 0 && !status_) ::kill(pid_, signal);
}

std::optional<int> Process::Wait(Millis timeout) {
  WaitUntil(
      [this] {
        int status = 0;
        if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
          status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        return status_.has_value();
      },
      timeout);
  return status_;
}

void Process::Stop(Millis patience) {
  Signal(SIGCONT);
  Signal(SIGTERM);
  if (Wait(patience)) return;
  Signal(SIGKILL);
  Wait(Millis{10'000});
}

std::string Process::Output() const { return ReadFile(dir_.path() + "/output"); }

ProcessResult RunProcess(std::vector<std::string> arguments, Millis timeout) {
  const std::string name = arguments[0];
  Process process(std::move(arguments));
  const std::optional<int> status = process.Wait(timeout);
  EXPECT_TRUE(status.has_value()) << name << " still runs after " << timeout.count() << " ms";
  return {status.value_or(-1), process.Output()};
}

int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0) << std::strerror(errno);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool WaitForPort(int port, Millis timeout) {
  return WaitUntil(
      [port] {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = Loopback(port);
        const bool open =
            ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return open;
      },
      timeout);
}

bool WaitUntil(const std::function<bool()>& condition, Millis timeout) {
  const SteadyTime end = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(Millis{10});
  }
  return true;
}

}  // namespace tierwatch
