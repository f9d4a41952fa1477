// The HTTP client against real connections: faults of the network, of the peer, of certificates.
#include "base/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <thread>

#include "tests/support/http_sink.h"
#include "tests/support/process.h"
#include "tests/support/tls_server.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::Not;

HttpRequest Get(const std::string& url, Millis timeout = Millis{5'000}) {
  HttpRequest request;
  request.url = url;
  request.timeout = timeout;
  return request;
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(HttpClientTest, GivesTheWholeAnswer) {
  HttpSink sink;
  sink.Script({{.status = 503,
                .headers = {{"X-Thing", "a"}, {"content-TYPE", " text/plain "}},
                .body = "sorry"}});
  HttpClient client{HttpOptions{}};
  const Result<HttpResponse> response = client.Send(Get(sink.Url("/a?b=c")));
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->headers.at("x-thing"), "a");
  EXPECT_EQ(response->headers.at("content-type"), "text/plain");
  EXPECT_EQ(response->body, "sorry");
  EXPECT_EQ(response->remote_address, "127.0.0.1:" + std::to_string(sink.port()));
  EXPECT_EQ(sink.Requests().at(0).path, "/a?b=c");
  EXPECT_EQ(sink.Requests().at(0).headers.at("user-agent"), "tierwatch");
}

TEST(HttpClientTest, SendsWhatItIsTold) {
  HttpSink sink;
  HttpOptions options;
  options.headers = {{"X-Both", "option"}, {"X-Option", "1"}};
  options.username = "u";
  options.password.value = "p:w";
  HttpClient client(options);
  HttpRequest request = Get(sink.Url("/"));
  request.method = "PUT";
  request.body = std::string("a\0b", 3);
  request.headers = {{"x-both", "request"}, {"X-Empty", ""}};
  ASSERT_TRUE(client.Send(request).ok());
  const SinkRequest seen = sink.Requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.body, request.body);
  EXPECT_EQ(seen.headers.at("x-both"), "request");
  EXPECT_EQ(seen.headers.at("x-option"), "1");
  EXPECT_TRUE(seen.headers.contains("x-empty"));
  EXPECT_EQ(seen.headers.at("authorization"), "Basic dTpwOnc=");  // printf u:p:w | base64
  EXPECT_FALSE(seen.headers.contains("content-type"));
  EXPECT_FALSE(seen.headers.contains("expect"));
  const std::string with_user =
      "http://me:se%40cret@127.0.0.1:" + std::to_string(sink.port()) + "/";
  ASSERT_TRUE(HttpClient(HttpOptions{}).Send(Get(with_user)).ok());
  EXPECT_EQ(sink.Requests().at(1).headers.at("authorization"), "Basic bWU6c2VAY3JldA==");
}

TEST(HttpClientTest, ReadsSecretsAtEveryRequest) {
  HttpSink sink;
  const TempDir dir;
  HttpOptions options;
  options.bearer_token.file = dir.Write("token", " first\n");
  HttpClient client(options);
  ASSERT_TRUE(client.Send(Get(sink.Url())).ok());
  dir.Write("token", "second");
  ASSERT_TRUE(client.Send(Get(sink.Url())).ok());
  dir.Write("token", "third\nX-Injected: 1");
  const Result<HttpResponse> injected = client.Send(Get(sink.Url()));
  ASSERT_FALSE(injected.ok());
  EXPECT_EQ(injected.error().reason, Reason::kAuth);
  EXPECT_THAT(injected.error().message, Not(HasSubstr("third")));
  EXPECT_EQ(sink.Requests().at(0).headers.at("authorization"), "Bearer first");
  EXPECT_EQ(sink.Requests().at(1).headers.at("authorization"), "Bearer second");
  EXPECT_EQ(sink.Requests().size(), 2u);
  options.bearer_token.file = dir.path() + "/absent";
  EXPECT_EQ(HttpClient(options).Send(Get(sink.Url())).error().reason, Reason::kAuth);
  options.bearer_token.file = dir.path();
  EXPECT_EQ(HttpClient(options).Send(Get(sink.Url())).error().reason, Reason::kAuth);
}

TEST(HttpClientTest, FaultsHaveReasons) {
  struct Case {
    const char* name;
    SinkReply reply;
    Reason want;
    const char* message;
  };
  const std::string big(2'000, 'x');
  const Case cases[] = {
      {"closed", {.close = true}, Reason::kConnect, ""},
      {"truncated",
       {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"},
       Reason::kConnect,
       ""},
      {"silent", {.hang = true}, Reason::kTimeout, "timed out after 300ms"},
      {"slow", {.delay = Millis{600}}, Reason::kTimeout, "timed out after 300ms"},
      {"huge", {.body = big}, Reason::kLimit, "over 1000 bytes"},
      {"huge, unannounced",
       {.raw = "HTTP/1.1 200 OK\r\n\r\n" + big},
       Reason::kLimit,
       "over 1000 bytes"},
      {"a bomb",
       {.headers = {{"Content-Encoding", "gzip"}}, .body = Gzip(std::string(100'000, 'x'))},
       Reason::kLimit,
       "over 1000 bytes"},
      {"endless headers",
       {.raw = "HTTP/1.1 200 OK\r\n" + std::string(90'000, 'a') + ": b\r\n" +
               std::string(90'000, 'c') + ": d\r\n" + std::string(90'000, 'e') + ": f\r\n\r\n"},
       Reason::kLimit,
       ""},
      {"broken gzip",
       {.headers = {{"Content-Encoding", "gzip"}}, .body = "not gzip at all"},
       Reason::kParse,
       ""},
      {"no HTTP", {.raw = "SSH-2.0-OpenSSH_9.2\r\n"}, Reason::kParse, ""},
  };
  HttpOptions options;
  options.max_response_bytes = 1'000;
  for (const Case& c : cases) {
    HttpSink sink;
    sink.Script({c.reply});
    HttpClient client(options);
    const Result<HttpResponse> response = client.Send(Get(sink.Url(), Millis{300}));
    ASSERT_FALSE(response.ok()) << c.name;
    EXPECT_EQ(ReasonName(response.error().reason), ReasonName(c.want))
        << c.name << ": " << response.error().message;
    EXPECT_THAT(response.error().message, HasSubstr(c.message)) << c.name;
    // The client lives on.
    ASSERT_TRUE(client.Send(Get(sink.Url())).ok()) << c.name;
  }
}

TEST(HttpClientTest, ConnectingHasATimeoutOfItsOwn) {
  HttpSink silent;  // it waits for a request and never speaks TLS
  HttpOptions options;
  options.connect_timeout = Millis{200};
  const Result<HttpResponse> response = HttpClient(options).Send(
      Get("https://127.0.0.1:" + std::to_string(silent.port()), Millis{60'000}));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().message, "timed out connecting after 200ms");
  EXPECT_EQ(response.error().reason, Reason::kTimeout);
}

TEST(HttpClientTest, DecodesUpToTheLimit) {
  HttpSink sink;
  sink.Script({{.headers = {{"Content-Encoding", "gzip"}}, .body = Gzip(std::string(1'000, 'x'))}});
  HttpOptions options;
  options.max_response_bytes = 1'000;
  const Result<HttpResponse> response = HttpClient(options).Send(Get(sink.Url()));
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->body, std::string(1'000, 'x'));
}

TEST(HttpClientTest, RefusedAndUnknownHosts) {
  HttpClient client{HttpOptions{}};
  const Result<HttpResponse> refused = client.Send(
      Get("http://user:secret@127.0.0.1:" + std::to_string(FreePort()) + "/?token=secret"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, Reason::kConnect);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
  const Result<HttpResponse> unknown = client.Send(Get("http://user:secret@nowhere.invalid/"));
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().reason, Reason::kConnect);
  EXPECT_THAT(unknown.error().message, Not(HasSubstr("secret")));
}

TEST(HttpClientTest, RefusesWhatIsNoRequest) {
  HttpSink sink;
  HttpClient client{HttpOptions{}};
  for (const char* url :
       {"", "file:///etc/passwd", "gopher://h/", "http://h:99999/", "http://h/a b"}) {
    EXPECT_EQ(client.Send(Get(url)).error().reason, Reason::kParse) << url;
  }
  HttpRequest request = Get(sink.Url());
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"X", "a\r\nY: b"},
                                                        {"X", "a\nb"},
                                                        {"X\r\nY", "b"},
                                                        {"", "b"},
                                                        {"X:", "b"},
                                                        {"X", std::string("\0", 1)}}) {
    request.headers = {{name, value}};
    EXPECT_EQ(client.Send(request).error().reason, Reason::kParse) << name;
  }
  request = Get(sink.Url());
  request.method = "GET / HTTP/1.1\r\nX:";
  EXPECT_EQ(client.Send(request).error().reason, Reason::kParse);
  EXPECT_TRUE(sink.Requests().empty());
}

TEST(HttpClientTest, FollowsRedirectsOnlyWhenTold) {
  HttpSink sink;
  sink.Always("/old", {.status = 302, .headers = {{"Location", "/new"}, {"X-Old", "1"}}});
  sink.Always("/new", {.body = "here"});
  sink.Always("/file", {.status = 302, .headers = {{"Location", "file:///etc/passwd"}}});
  sink.Always("/loop", {.status = 302, .headers = {{"Location", "/loop"}}});
  EXPECT_EQ(HttpClient(HttpOptions{}).Send(Get(sink.Url("/old")))->status, 302);
  HttpOptions options;
  options.follow_redirects = true;
  HttpClient client(options);
  const Result<HttpResponse> response = client.Send(Get(sink.Url("/old")));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->body, "here");
  EXPECT_FALSE(response->headers.contains("x-old"));
  EXPECT_FALSE(client.Send(Get(sink.Url("/file"))).ok());
  const std::size_t before = sink.Requests().size();
  EXPECT_FALSE(client.Send(Get(sink.Url("/loop"))).ok());
  EXPECT_EQ(sink.Requests().size(), before + 6);
}

TEST(HttpClientTest, CredentialsDoNotFollowToAnotherHost) {
  HttpSink elsewhere;
  HttpSink sink;
  sink.Script(
      {{.status = 307,
        .headers = {{"Location", "http://localhost:" + std::to_string(elsewhere.port()) + "/"}}}});
  HttpOptions options;
  options.follow_redirects = true;
  options.bearer_token.value = "secret";
  ASSERT_TRUE(HttpClient(options).Send(Get(sink.Url())).ok());
  EXPECT_EQ(sink.Requests().at(0).headers.at("authorization"), "Bearer secret");
  EXPECT_FALSE(elsewhere.Requests().at(0).headers.contains("authorization"));
}

TEST(HttpClientTest, CanBeCancelled) {
  HttpSink sink;
  sink.Script({{.hang = true}});
  HttpClient client{HttpOptions{}};
  std::stop_source source;
  HttpRequest request = Get(sink.Url(), Millis{60'000});
  request.stop = source.get_token();
  std::jthread canceller([&] {
    sink.WaitForRequests(1);
    source.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  const Result<HttpResponse> response = client.Send(request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().message, "cancelled");
  EXPECT_EQ(response.error().reason, Reason::kOther);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(client.Send(request).error().message, "cancelled") << "also before it begins";
  EXPECT_EQ(sink.Requests().size(), 1u);
}

TEST(HttpClientTest, ServesManyThreads) {
  HttpSink sink;
  HttpClient client{HttpOptions{}};
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) good += client.Send(Get(sink.Url())).ok() ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(good, 160);
}

TEST(HttpClientTest, JudgesCertificates) {
  const TlsServer server;
  struct Case {
    const char* name;
    std::string host;
    TlsOptions tls;
    bool good;
  };
  const std::string ca = server.certificates().ca();
  const Case cases[] = {
      {"trusted",
       "127.0.0.1",
       {.ca_file = ca, .cert_file = "", .key_file = "", .server_name = ""},
       true},
      {"by name",
       "localhost",
       {.ca_file = ca, .cert_file = "", .key_file = "", .server_name = ""},
       true},
      {"another name",
       "127.0.0.1",
       {.ca_file = ca, .cert_file = "", .key_file = "", .server_name = "cache.test"},
       true},
      {"a wrong name",
       "127.0.0.1",
       {.ca_file = ca, .cert_file = "", .key_file = "", .server_name = "other.test"},
       false},
      {"an unknown authority",
       "127.0.0.1",
       {.ca_file = "", .cert_file = "", .key_file = "", .server_name = ""},
       false},
      {"another authority",
       "127.0.0.1",
       {.ca_file = server.certificates().other_ca(),
        .cert_file = "",
        .key_file = "",
        .server_name = ""},
       false},
      {"no such file",
       "127.0.0.1",
       {.ca_file = "/nonexistent/ca.pem", .cert_file = "", .key_file = "", .server_name = ""},
       false},
      {"unchecked",
       "127.0.0.1",
       {.ca_file = "",
        .cert_file = "",
        .key_file = "",
        .server_name = "",
        .insecure_skip_verify = true},
       true},
  };
  for (const Case& c : cases) {
    HttpOptions options;
    options.tls = c.tls;
    const Result<HttpResponse> response = HttpClient(options).Send(Get(server.Url(c.host)));
    EXPECT_EQ(response.ok(), c.good)
        << c.name << ": " << (response.ok() ? "ok" : response.error().message);
    if (!response.ok()) {
      EXPECT_EQ(ReasonName(response.error().reason), "tls") << c.name << response.error().message;
    }
  }
}

TEST(HttpClientTest, ShowsItsOwnCertificate) {
  const TlsServer server(true);
  HttpOptions options;
  options.tls.ca_file = server.certificates().ca();
  EXPECT_FALSE(HttpClient(options).Send(Get(server.Url("127.0.0.1"))).ok());
  options.tls.cert_file = server.certificates().client_cert();
  options.tls.key_file = server.certificates().client_key();
  const Result<HttpResponse> response = HttpClient(options).Send(Get(server.Url("127.0.0.1")));
  EXPECT_TRUE(response.ok()) << response.error().message;
}

TEST(HttpOptionsTest, ReadsTheWholeMapAndReportsContradictions) {
  Diagnostics diagnostics;
  const auto good = YamlNode::Parse(R"(
username: u
password_file: /p
tls: {ca_file: a, cert_file: b, key_file: c, server_name: d, insecure_skip_verify: true}
headers: {X-Probe: tierwatch}
proxy_url: http://proxy:1
no_proxy: cache.test
follow_redirects: true
)",
                                    "f", diagnostics);
  const HttpOptions options = ReadHttpOptions(good.value(), diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  EXPECT_EQ(options.username, "u");
  EXPECT_EQ(options.password.file, "/p");
  EXPECT_EQ(options.tls.server_name, "d");
  EXPECT_TRUE(options.tls.insecure_skip_verify);
  EXPECT_EQ(options.headers.at(0).second, "tierwatch");
  EXPECT_TRUE(options.follow_redirects);
  EXPECT_EQ(options.proxy.For(*ParseUrl("http://10.0.0.1/")), "http://proxy:1");
  EXPECT_EQ(options.proxy.For(*ParseUrl("http://cache.test/")), "");
  const auto bad = YamlNode::Parse(R"(
username: u
bearer_token: a
bearer_token_file: b
tls: {cert_file: b}
headers: {X: "a\r\nb"}
proxy_url: non sense
)",
                                   "f", diagnostics);
  ReadHttpOptions(bad.value(), diagnostics);
  for (const char* want :
       {"give bearer_token or bearer_token_file, not both", "cert_file and key_file go together",
        "has a line end", "proxy_url: bad URL", "not both"}) {
    EXPECT_THAT(diagnostics.ToString(), HasSubstr(want));
  }
}

}  // namespace
}  // namespace tierwatch
