// The envelope of answers and errors: types, statuses, methods, origins.
#include "exporter/api/envelope.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/http_client.h"
#include "exporter/http_server.h"

namespace tierwatch::api {
namespace {

Handler Fails(Reason reason) {
  return [reason](const ServerRequest&) -> Result<Answer> { return Error{"no \"luck\"", reason}; };
}

Result<Answer> Succeeds(const ServerRequest&) {
  Answer answer{.warnings = {"w1", "w2"}, .infos = {"i"}};
  answer.data.BeginArray().EndArray();
  return answer;
}

TEST(ApiEnvelope, EachReasonHasItsTypeAndStatus) {
  const struct {
    Reason reason;
    int status;
    const char* type;
  } cases[] = {
      {Reason::kParse, 400, "bad_data"},    {Reason::kTimeout, 503, "timeout"},
      {Reason::kCanceled, 503, "canceled"}, {Reason::kConnect, 503, "unavailable"},
      {Reason::kOther, 422, "execution"},   {Reason::kLimit, 422, "execution"},
  };
  for (const auto& [reason, status, type] : cases) {
    const HttpReply reply = OnGet("x", Fails(reason)).handler({});
    EXPECT_EQ(reply.status, status) << type;
    EXPECT_EQ(reply.content_type, "application/json");
    EXPECT_EQ(*reply.body, std::string(R"({"status":"error","errorType":")") + type +
                               R"(","error":"no \"luck\""})");
  }
}

TEST(ApiEnvelope, WarningsAndInfosStandBesideTheData) {
  EXPECT_EQ(*OnGet("x", Succeeds).handler({}).body,
            R"({"status":"success","data":[],"warnings":["w1","w2"],"infos":["i"]})");
}

TEST(ApiEnvelope, EveryOriginMayRead) {
  ServerRequest request;
  request.method = "OPTIONS";
  request.headers = {{"origin", "http://elsewhere"}};
  const HttpReply reply = OnGetAndPost("x", Succeeds).handler(request);
  EXPECT_EQ(reply.status, 204);
  EXPECT_TRUE(reply.body->empty());
  const std::pair<std::string, std::string> allows{"Access-Control-Allow-Origin", "*"};
  EXPECT_NE(std::find(reply.headers.begin(), reply.headers.end(), allows), reply.headers.end());
  EXPECT_TRUE(OnGet("x", Succeeds).handler({}).headers.empty());
}

// What is decided before a handler runs, over a real server.
TEST(ApiEnvelope, OverHttp) {
  const std::unique_ptr<Logger> logger = MakeNullLogger();
  const auto server = HttpServer::Start(
      {.listen_address = "127.0.0.1:0"},
      {OnGet("get", Succeeds), OnGetAndPost("post", Succeeds),
       OnGet("label/{name}/values", Succeeds),
       OnGet("throws",
             [](const ServerRequest&) -> Result<Answer> { throw std::runtime_error("oh"); })},
      *logger);
  ASSERT_TRUE(server.ok());
  const struct {
    const char* method;
    const char* path;
    int status;
  } cases[] = {
      {"GET", "get", 200},
      {"OPTIONS", "get", 204},
      {"POST", "get", 405},
      {"HEAD", "get", 405},
      {"PUT", "get", 405},
      {"DELETE", "get", 405},
      {"GET", "post", 200},
      {"POST", "post", 200},
      {"PUT", "post", 405},
      {"GET", "get/", 404},
      {"GET", "nothing", 404},
      {"GET", "label/a.b/values", 200},
      {"GET", "label/%C3%A4/values", 200},
      {"GET", "label/a/b/values", 404},
      {"GET", "label//values", 404},
      {"GET", "throws", 500},
  };
  HttpClient client{HttpOptions{}};
  for (const auto& [method, path, status] : cases) {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/api/v1/" + path;
    request.headers = {{"Accept", "text/html"}};  // makes no difference
    const Result<HttpResponse> response = client.Send(request);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, status) << method << " " << path;
    if (status == 500) {
      EXPECT_EQ(response->body, R"({"status":"error","errorType":"internal","error":)"
                                R"("internal error; the log says more"})");
    }
  }
}

}  // namespace
}  // namespace tierwatch::api
