// Requests through a proxy: which ones, what it is told, and what it is not. The rules are
// prometheus/common's ProxyConfig and golang.org/x/net/http/httpproxy.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/http_client.h"
#include "tests/support/http_sink.h"
#include "tests/support/tls_server.h"

namespace tierwatch {
namespace {

using testing::HasSubstr;
using testing::Not;

HttpRequest Get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

struct Read {
  ProxyOptions options;
  std::string findings;
};
Read ReadText(const std::string& text) {
  Diagnostics diagnostics;
  const auto node = YamlNode::Parse(text, "f", diagnostics);
  Read read;
  {
    YamlMap map(node.value(), "http_config", diagnostics);
    read.options = ReadProxyOptions(map);
  }
  read.findings = diagnostics.ToString();
  return read;
}

HttpOptions Through(const std::string& keys) {
  HttpOptions options;
  const Read read = ReadText(keys);
  EXPECT_EQ(read.findings, "");
  options.proxy = read.options;
  return options;
}

// Variables of the environment for as long as it lives.
class Environment {
 public:
  explicit Environment(std::vector<std::pair<std::string, std::string>> values)
      : values_(std::move(values)) {
    for (const auto& [name, value] : values_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : values_) ::unsetenv(name.c_str());
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const std::vector<std::pair<std::string, std::string>> values_;
};

TEST(ProxyTest, ThoseWhomNoProxyMeans) {
  struct Case {
    const char* list;
    const char* url;
    bool direct;
  };
  const Case cases[] = {
      {"foo.com", "http://foo.com/", true},
      {"foo.com", "http://bar.FOO.com/", true},
      {"foo.com", "http://barfoo.com/", false},
      {".y.com", "http://x.y.com/", true},
      {".y.com", "http://y.com/", false},
      {"*.y.com", "http://x.y.com/", true},
      {"*.y.com", "http://y.com/", false},
      {"foo.com:8080", "http://foo.com:8080/", true},
      {"foo.com:8080", "http://foo.com/", false},
      {"foo.com:443", "https://foo.com/", true},
      {"foo.com:80", "https://foo.com/", false},
      {"10.0.0.0/8", "http://10.200.0.1/", true},
      {"10.0.0.0/8", "http://11.0.0.1/", false},
      {"10.0.0.0/8", "http://ten.test/", false},  // names are not resolved for it
      {"10.0.0.1", "http://10.0.0.1/", true},
      {"10.0.0.1:81", "http://10.0.0.1:81/", true},
      {"10.0.0.1:81", "http://10.0.0.1/", false},
      {"2001:db8::/32", "http://[2001:db8::1]/", true},
      {"2001:db8::1", "http://[2001:db8:0::1]/", true},
      {"[2001:db8::1]:81", "http://[2001:db8::1]:81/", true},
      {"[2001:db8::1]:81", "http://[2001:db8::1]/", false},
      {"a.test, ,b.test", "http://b.test/", true},
      {"*", "http://anyone.test/", true},
      {"*", "http://10.0.0.1/", true},
      {"a.test", "http://localhost/", true},
      {"a.test", "http://127.9.9.9/", true},
      {"a.test", "http://[::1]/", true},
  };
  for (const Case& c : cases) {
    const Result<NoProxy> no_proxy = NoProxy::Parse(c.list);
    ASSERT_TRUE(no_proxy.ok()) << c.list << ": " << no_proxy.error().message;
    EXPECT_EQ(no_proxy->Has(*ParseUrl(c.url)), c.direct) << c.list << " " << c.url;
  }
  for (const char* bad : {"10.0.0.0/33", "a/b", ":80", "a:b", "a.test:0", "a.test:65536", ".", "*a",
                          "a b", "[::1", "]:1"})
    EXPECT_FALSE(NoProxy::Parse(std::string("a.test,") + bad).ok()) << bad;
}

TEST(ProxyTest, MistakesAreToldByTheirPlaces) {
  const std::pair<const char*, const char*> cases[] = {
      {"proxy_url: http://p\nproxy_from_environment: true\n",
       "f:1:1: proxy_url and proxy_from_environment: give one of them\n"},
      {"no_proxy: a\nproxy_from_environment: true\n",
       "f:1:1: no_proxy and proxy_from_environment: give one of them; NO_PROXY is asked too\n"},
      {"no_proxy: a\n", "f:1:1: no_proxy needs proxy_url\n"},
      {"proxy_from_environment: false\nproxy_connect_header: {A: [b]}\n",
       "f:2:1: proxy_connect_header needs proxy_url or proxy_from_environment\n"},
      {"proxy_url: ftp://u:secret@p\n",
       "f:1:1: proxy_url: bad URL: expected http://, https:// or socks5://\n"},
      {"proxy_url: http://p:0\n",
       "f:1:1: proxy_url: bad URL: the port is not a number from 1 to 65535\n"},
      {"proxy_url: p\nno_proxy: 'a, 10.0.0.0/33'\n",
       "f:2:1: no_proxy: \"10.0.0.0/33\": expected a name, an address or a network such as "
       "10.0.0.0/8\n"},
      {"proxy_url: p\nproxy_connect_header:\n  A b: [x]\n  C: secret\n  D: [\"a\\nb\"]\n",
       "f:3:3: proxy_connect_header: A b: this is no name of a header\n"
       "f:4:6: proxy_connect_header: C: expected a list of values\n"
       "f:5:7: proxy_connect_header: D: expected text without control characters\n"},
      {"proxy_url: p\nproxy_connect_header: secret\n",
       "f:2:23: proxy_connect_header: expected a map of lists\n"},
  };
  for (const auto& [text, findings] : cases) EXPECT_EQ(ReadText(text).findings, findings) << text;
  EXPECT_EQ(ReadText("proxy_url: ''\nno_proxy: ''\nproxy_connect_header: {}\n").findings, "");
}

TEST(ProxyTest, NamesOfSchemes) {
  const Url url = *ParseUrl("https://a.test/");
  EXPECT_EQ(ReadText("proxy_url: p:3128").options.For(url), "http://p:3128");
  EXPECT_EQ(ReadText("proxy_url: HTTPS://p").options.For(url), "https://p");
  EXPECT_EQ(ReadText("proxy_url: socks5://u:w@p").options.For(url), "socks5h://u:w@p");
  EXPECT_EQ(ReadText("proxy_url: p").options.For(*ParseUrl("http://127.0.0.1/")), "http://p")
      << "without no_proxy there are no exceptions";
}

TEST(ProxyTest, TheEnvironmentIsAskedWhereItIsMeantToBe) {
  const Url http = *ParseUrl("http://a.test/"), https = *ParseUrl("https://a.test/");
  const Environment environment({{"HTTP_PROXY", "upper"},
                                 {"http_proxy", "lower"},
                                 {"https_proxy", "http://secure:1"},
                                 {"NO_PROXY", "b.test"}});
  const ProxyOptions options = ReadText("proxy_from_environment: true").options;
  EXPECT_EQ(options.For(http), "http://upper");
  EXPECT_EQ(options.For(https), "http://secure:1");
  EXPECT_EQ(options.For(*ParseUrl("http://b.test/")), "");
  EXPECT_EQ(options.For(*ParseUrl("http://localhost/")), "");
  EXPECT_EQ(ProxyOptions{}.For(http), "");
  EXPECT_EQ(ReadText("proxy_url: p").options.For(*ParseUrl("http://b.test/")), "http://p");
  const Environment broken({{"HTTPS_PROXY", "ftp://p"}, {"NO_PROXY", "a/b"}});
  EXPECT_EQ(ReadText("proxy_from_environment: true").findings,
            "f:1:1: proxy_from_environment: HTTPS_PROXY: bad URL: expected http://, https:// or "
            "socks5://\n"
            "f:1:1: proxy_from_environment: NO_PROXY: \"a/b\": expected a name, an address or a "
            "network such as 10.0.0.0/8\n");
}

TEST(ProxyTest, OtherwiseTheEnvironmentMeansNothing) {
  HttpSink sink, proxy, wrong;
  const TlsServer server;
  proxy.Script({{.tunnel_to = server.port()}, {}});
  std::vector<std::pair<std::string, std::string>> values;
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
    values.emplace_back(name, wrong.Url());
  values.emplace_back("no_proxy", "*");
  values.emplace_back("NO_PROXY", "*");
  HttpOptions tls;
  tls.tls.ca_file = server.certificates().ca();
  {
    const Environment environment(values);
    HttpOptions through = Through("proxy_url: " + proxy.Url());
    through.tls = tls.tls;
    EXPECT_TRUE(HttpClient(through).Send(Get("https://cache.test/")).ok());
    EXPECT_TRUE(HttpClient(through).Send(Get("http://nowhere.invalid/x")).ok());
    ASSERT_EQ(proxy.Requests().size(), 2u) << "no_proxy of the environment is not asked either";
  }
  values.resize(5);  // without no_proxy
  const Environment environment(values);
  EXPECT_TRUE(HttpClient(HttpOptions{}).Send(Get(sink.Url())).ok());
  EXPECT_TRUE(HttpClient(tls).Send(Get(server.Url("localhost"))).ok());
  EXPECT_EQ(sink.Requests().size(), 1u);
  EXPECT_EQ(wrong.Requests().size(), 0u);
}

TEST(ProxyTest, AnHttpReceiversRequestGoesToTheProxyWhole) {
  HttpSink proxy;
  HttpOptions options = Through(fmt::format(
      "proxy_url: 'http://us%40er:pass%3Aword@127.0.0.1:{}'\nproxy_connect_header: {{X-A: [b]}}",
      proxy.port()));
  options.username = "receiver";
  options.password.value = "own";
  ASSERT_TRUE(HttpClient(options).Send(Get("http://nowhere.invalid/x")).ok());
  const SinkRequest request = proxy.Requests().at(0);
  EXPECT_EQ(request.path, "http://nowhere.invalid/x");
  // printf 'us@er:pass:word' | base64; printf receiver:own | base64
  EXPECT_EQ(request.headers.at("proxy-authorization"), "Basic dXNAZXI6cGFzczp3b3Jk");
  EXPECT_EQ(request.headers.at("authorization"), "Basic cmVjZWl2ZXI6b3du");
  EXPECT_FALSE(request.headers.contains("x-a")) << "that is for CONNECT alone";
}

TEST(ProxyTest, AnHttpsReceiverIsReachedByConnect) {
  const TlsServer server;
  HttpSink proxy;
  HttpOptions options =
      Through(fmt::format("proxy_url: http://user:pass@127.0.0.1:{}\n"
                          "proxy_connect_header: {{X-Site: [secret], X-Empty: ['']}}",
                          proxy.port()));
  options.tls.ca_file = server.certificates().ca();
  options.bearer_token.value = "token";
  proxy.Script({{.tunnel_to = server.port()}});
  // A name that nobody but the proxy resolves: it is in the server's certificate.
  const Result<HttpResponse> response = HttpClient(options).Send(Get("https://cache.test:8443/x"));
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_THAT(response->body, HasSubstr("TLSv1"));
  ASSERT_EQ(proxy.Requests().size(), 1u);
  const SinkRequest request = proxy.Requests().at(0);
  EXPECT_EQ(request.method + " " + request.path, "CONNECT cache.test:8443");
  EXPECT_EQ(request.headers.at("proxy-authorization"), "Basic dXNlcjpwYXNz");
  EXPECT_EQ(request.headers.at("x-site"), "secret");
  EXPECT_TRUE(request.headers.contains("x-empty"));
  EXPECT_FALSE(request.headers.contains("authorization")) << "that is for the receiver alone";

  options.tls.server_name = "cache.test";
  proxy.Script({{.tunnel_to = server.port()}});
  ASSERT_TRUE(HttpClient(options).Send(Get("https://10.1.2.3/")).ok());
  EXPECT_EQ(proxy.Requests().at(1).path, "10.1.2.3:443");
}

TEST(ProxyTest, ARefusalIsTheProxysOwn) {
  HttpSink proxy;
  const HttpOptions options =
      Through("proxy_url: http://user:word@127.0.0.1:" + std::to_string(proxy.port()));
  const std::pair<const char*, SinkReply> cases[] = {
      {"http://a.test/", {.status = 407}},
      {"https://a.test/", {.status = 407, .headers = {{"Proxy-Authenticate", "Basic realm=x"}}}},
      {"https://a.test/", {.status = 403}},
      {"https://a.test/", {.close = true}},
  };
  for (const auto& [url, reply] : cases) {
    proxy.Script({reply});
    const Result<HttpResponse> response = HttpClient(options).Send(Get(url));
    ASSERT_FALSE(response.ok()) << url << reply.status;
    EXPECT_EQ(ReasonName(response.error().reason), "connect") << response.error().message;
    EXPECT_THAT(response.error().message, HasSubstr("proxy"));
    EXPECT_THAT(response.error().message, Not(HasSubstr("word")));
  }
}

TEST(ProxyTest, ThoseOfNoProxyAreReachedWithoutIt) {
  HttpSink sink, proxy;
  const HttpOptions options =
      Through("proxy_url: " + proxy.Url() + "\nno_proxy: a.test, 10.0.0.0/8");
  HttpClient client(options);
  ASSERT_TRUE(client.Send(Get(sink.Url())).ok());
  EXPECT_EQ(sink.Requests().at(0).path, "/");
  EXPECT_EQ(proxy.Requests().size(), 0u);
  ASSERT_TRUE(client.Send(Get("http://b.test/")).ok());
  EXPECT_EQ(proxy.Requests().at(0).path, "http://b.test/");
}

TEST(ProxyTest, OfAllowedNetworksTheProxyIsJudged) {
  HttpSink proxy;
  HttpOptions options = Through("proxy_url: " + proxy.Url());
  options.allowed_networks = {*Network::Parse("10.0.0.0/8")};
  const Result<HttpResponse> refused = HttpClient(options).Send(Get("http://10.0.0.1/"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "through a proxy: 127.0.0.1 is not in allowed_networks");
  EXPECT_EQ(proxy.Requests().size(), 0u);
  options.allowed_networks = {*Network::Parse("127.0.0.1")};
  EXPECT_TRUE(HttpClient(options).Send(Get("http://a.test/")).ok());
  EXPECT_EQ(proxy.Requests().size(), 1u);
  options.proxy.no_proxy = *NoProxy::Parse("192.0.2.0/24");
  EXPECT_EQ(HttpClient(options).Send(Get("http://192.0.2.1/")).error().message,
            "192.0.2.1 is not in allowed_networks");
}

TEST(ProxyTest, AProxysCertificateIsJudgedToo) {
  const TlsServer proxy;
  HttpOptions options = Through("proxy_url: " + proxy.Url("127.0.0.1"));
  const Result<HttpResponse> refused = HttpClient(options).Send(Get("http://a.test/"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(ReasonName(refused.error().reason), "tls") << refused.error().message;
  options.tls.ca_file = proxy.certificates().ca();
  const Result<HttpResponse> response = HttpClient(options).Send(Get("http://a.test/"));
  EXPECT_TRUE(response.ok()) << response.error().message;
}

}  // namespace
}  // namespace tierwatch
