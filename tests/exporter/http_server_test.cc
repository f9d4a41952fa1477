// A real server on a free port, asked by a real client and by raw sockets.
#include "exporter/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/http_client.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

HttpRequest Post(const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.body = body;
  return request;
}

class HttpServerTest : public testing::Test {
 protected:
  // One server for all tests: civetweb takes two seconds to stop.
  static void SetUpTestSuite() {
    logger_ = MakeNullLogger();
    HttpServerOptions options;
    options.listen_address = "127.0.0.1:0";
    options.max_connections = 8;
    options.request_timeout = Millis(700);
    options.max_body_bytes = 1000;
    const auto page = std::make_shared<const std::string>(std::string(300'000, 'x') + "\n");
    std::vector<Endpoint> routes;
    routes.push_back({"/metrics",
                      [page](const ServerRequest&) {
                        return HttpReply{200, "text/plain", {}, page};
                      },
                      {"GET", "HEAD"},
                      true});
    routes.push_back({"/echo",
                      [](const ServerRequest& request) {
                        return HttpReply::Of(200, "text/plain",
                                             request.method + " " + request.body + " " +
                                                 request.Parameter("q").value_or("-"));
                      },
                      {"GET", "POST"}});
    routes.push_back({"/label/{name}/values", [](const ServerRequest& request) {
                        return HttpReply::Of(200, "text/plain", request.path_parameter);
                      }});
    routes.push_back({.path = "/large",
                      .handler =
                          [](const ServerRequest& request) {
                            return HttpReply::Of(200, "text/plain",
                                                 std::to_string(request.body.size()));
                          },
                      .methods = {"POST"},
                      .max_body_bytes = 5000,
                      .body_refused = [](int status) { refused_ = status; }});
    routes.push_back({"/deep", [](const ServerRequest&) {
                        volatile char large[1 << 20] = {};
                        large[0] = 'd';
                        return HttpReply::Of(200, "text/plain", std::string(1, large[0]));
                      }});
    routes.push_back({"/throw", [](const ServerRequest&) -> HttpReply {
                        throw std::runtime_error("a secret detail");
                      }});
    auto server = HttpServer::Start(options, std::move(routes), *logger_);
    EXPECT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }

  HttpResponse Send(HttpRequest request, const std::string& path) {
    request.url = "http://127.0.0.1:" + std::to_string(server_->port()) + path;
    auto response = HttpClient({}).Send(request);
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response.ok() ? *response : HttpResponse{};
  }

  int Connect() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    const timeval limit{.tv_sec = 8, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return socket;
  }

  // Everything that the server sends until it closes.
  std::string Raw(const std::string& text) const {
    const int socket = Connect();
    EXPECT_GE(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), 0);
    std::string answer;
    char piece[4096];
    for (ssize_t n = 0; (n = ::recv(socket, piece, sizeof piece, 0)) > 0;) {
      answer.append(piece, static_cast<std::size_t>(n));
    }
    ::close(socket);
    return answer;
  }

  static void TearDownTestSuite() {
    server_.reset();
    logger_.reset();
  }

  static inline std::unique_ptr<Logger> logger_;
  static inline std::unique_ptr<HttpServer> server_;
  static inline std::atomic<int> refused_ = 0;
};

TEST_F(HttpServerTest, AnswersGetHeadAndPost) {
  EXPECT_EQ(Send({}, "/echo?a=1&q=1%2B1+x").body, "GET  1+1 x");
  EXPECT_EQ(Send(Post("hello"), "/echo").body, "POST hello -");
  HttpRequest query = Post("q=up%20%3E+0");
  query.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  const HttpResponse form = Send(query, "/echo?q=no");
  EXPECT_EQ(form.body, "POST q=up%20%3E+0 up > 0");
  // As large as may be: read in pieces that grow.
  std::string body;
  for (int i = 0; body.size() < 1000; ++i) body += std::to_string(i) + ".";
  body.resize(1000);
  EXPECT_EQ(Send(Post(body), "/echo").body, "POST " + body + " -");
  const HttpResponse large = Send({}, "/metrics");
  EXPECT_EQ(large.body.size(), 300'001u);
}

TEST_F(HttpServerTest, APartOfAPathCanBeAParameter) {
  EXPECT_EQ(Send({}, "/label/tier/values").body, "tier");
  EXPECT_EQ(Send({}, "/label/a%20b/values").body, "a b");
  for (const char* wrong : {"/label//values", "/label/values", "/label/a/b/values", "/label/a"}) {
    EXPECT_EQ(Send({}, wrong).status, 404) << wrong;
  }
}

TEST(ServerRequest, GivesAllParametersOfAName) {
  ServerRequest request;
  request.method = "POST";
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body = "match[]=b&match%5B%5D=c+d";
  request.query = "x=1&match[]=a&match[]=%zz&match[]";
  EXPECT_THAT(request.Parameters("match[]"), testing::ElementsAre("b", "c d", "a", ""));
  request.method = "GET";  // whose body is no form
  EXPECT_THAT(request.Parameters("match[]"), testing::ElementsAre("a", ""));
}

TEST_F(HttpServerTest, HeadHasTheHeadersAlone) {
  const std::string answer = Raw("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 300001\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, SaysWhatIsWrongWithARequest) {
  EXPECT_EQ(Send({}, "/nothing").status, 404);
  EXPECT_EQ(Send({}, "/metrics/../etc/passwd").status, 404);
  const HttpResponse refused = Send(Post("x"), "/metrics");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.at("allow"), "GET, HEAD");
  EXPECT_EQ(Send(Post(std::string(1001, 'x')), "/echo").status, 413);
  EXPECT_THAT(Raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Raw("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, APathMayTakeMoreAndHearsOfWhatItDidNotGet) {
  EXPECT_EQ(Send(Post(std::string(5000, 'x')), "/large").body, "5000");
  EXPECT_EQ(refused_, 0);
  EXPECT_EQ(Send(Post(std::string(5001, 'x')), "/large").status, 413);
  EXPECT_EQ(refused_, 413);
}

TEST_F(HttpServerTest, BoundsAChunkedBody) {
  std::string chunks;
  for (int i = 0; i < 100; ++i) chunks += "10\r\n0123456789abcdef\r\n";
  EXPECT_THAT(Raw("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Raw("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n"),
              HasSubstr("POST abc -"));
}

TEST_F(HttpServerTest, AHandlersExceptionIsAnswered) {
  const HttpResponse response = Send({}, "/throw");
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, testing::Not(HasSubstr("secret")));
  EXPECT_EQ(Send({}, "/echo").status, 200);
}

TEST_F(HttpServerTest, HandlersThatWorkHaveALargeStack) { EXPECT_EQ(Send({}, "/deep").body, "d"); }

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  const std::string answer =
      Raw("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\nHEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
          "GET /echo?q=last HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, testing::ContainsRegex("200 OK(.|\n)*200 OK(.|\n)*GET  last"));
}

TEST_F(HttpServerTest, SilentClientsAreCutOff) {
  std::vector<int> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(Connect());  // as many as there are threads
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Send({}, "/echo").status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  for (const int socket : silent) ::close(socket);
}

TEST_F(HttpServerTest, ABodyThatTricklesIsCutOff) {
  const int socket = Connect();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n";
  ::send(socket, head.data(), head.size(), MSG_NOSIGNAL);
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<bool> done = false;
  std::jthread trickle([&] {
    while (!done && ::send(socket, "x", 1, MSG_NOSIGNAL) == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  char piece[64];
  EXPECT_GT(::recv(socket, piece, sizeof piece, 0), 0);
  done = true;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  trickle.join();
  ::close(socket);
}

TEST_F(HttpServerTest, ListensOnAllAddressesAndOnNames) {
  for (const char* address : {":0", "0.0.0.0:0", "localhost:0"}) {
    HttpServerOptions options;
    options.listen_address = address;
    const auto server = HttpServer::Start(options, {}, *logger_);
    ASSERT_TRUE(server.ok()) << server.error().message;
    HttpRequest request;
    request.url = fmt::format("http://127.0.0.1:{}/", (*server)->port());
    const auto answer = HttpClient(HttpOptions{}).Send(request);
    ASSERT_TRUE(answer.ok()) << address << ": " << answer.error().message;
    EXPECT_EQ(answer->status, 404) << address;
  }
}

TEST_F(HttpServerTest, APortInUseIsTold) {
  HttpServerOptions options;
  options.listen_address = "127.0.0.1:" + std::to_string(server_->port());
  const auto second = HttpServer::Start(options, {}, *logger_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, StartsWith("listen on " + options.listen_address + ": "));
  EXPECT_THAT(second.error().message, HasSubstr("ddress already in use"));
}

TEST(ListenAddress, Check) {
  for (const char* good : {"0.0.0.0:9917", ":9917", "localhost:0", "10.0.0.1:65535"}) {
    EXPECT_EQ(CheckListenAddress(good), "") << good;
  }
  for (const char* bad : {"", "9917", "[::1]:9917", "h:65536", "h:", "h:1s", "a,b:1", "h:-1"}) {
    EXPECT_NE(CheckListenAddress(bad), "") << bad;
  }
}

TEST(ServerRequest, AcceptEncoding) {
  const std::pair<const char*, bool> cases[] = {{"", false},
                                                {"gzip", true},
                                                {"deflate, gzip;q=0.5", true},
                                                {"gzip;q=0", false},
                                                {"gzip; q=0.000", false},
                                                {"*", true},
                                                {"*;q=0", false},
                                                {"gzip;q=0, *", false},
                                                {"identity", false},
                                                {"gzip;q=0.01", true},
                                                {"br;q=1.0, gzip;q=0.8, *;q=0.1", true}};
  for (const auto& [header, want] : cases) {
    ServerRequest request;
    request.headers = {{"accept-encoding", header}};
    EXPECT_EQ(request.AcceptsGzip(), want) << header;
  }
}

}  // namespace
}  // namespace tierwatch
