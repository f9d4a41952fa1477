#include "exporter/api/envelope.h"

#include <fmt/format.h>

#include <utility>

namespace tierwatch::api {
namespace {

constexpr const char* kJson = "application/json";

struct ErrorKind {
  std::string_view type;
  int status;
};
constexpr ErrorKind kBadData{"bad_data", 400}, kInternal{"internal", 500};

ErrorKind KindOf(Reason reason) {
  switch (reason) {
    case Reason::kParse:
      return kBadData;
    case Reason::kTimeout:
      return {"timeout", 503};
    case Reason::kCanceled:
      return {"canceled", 503};
    case Reason::kConnect:
      return {"unavailable", 503};
    default:
      return {"execution", 422};
  }
}

HttpReply RenderError(const ErrorKind& kind, std::string_view message) {
  JsonWriter json;
  json.BeginObject().Key("status").String("error");
  json.Key("errorType").String(kind.type);
  json.Key("error").String(message).EndObject();
  return HttpReply::Of(kind.status, kJson, std::move(json).Take());
}

HttpReply RenderFailure() { return RenderError(kInternal, "internal error; the log says more"); }

void Lines(JsonWriter& json, std::string_view key, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  json.Key(key).BeginArray();
  for (const std::string& line : lines) json.String(line);
  json.EndArray();
}

// Source: prometheus/util/httputil/cors.go, whose default lets every origin in.
void AllowOrigin(const ServerRequest& request, HttpReply& reply) {
  if (request.Header("origin").empty()) return;
  reply.headers.emplace_back("Access-Control-Allow-Headers",
                             "Accept, Authorization, Content-Type, Origin");
  reply.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  reply.headers.emplace_back("Access-Control-Allow-Origin", "*");
  reply.headers.emplace_back("Access-Control-Expose-Headers", "Date");
  reply.headers.emplace_back("Vary", "Origin");
}

Endpoint MakeEndpoint(std::string_view path, Handler handler, std::vector<std::string> methods) {
  return {.path = fmt::format("/api/v1/{}", path),
          .handler =
              [handler = std::move(handler)](const ServerRequest& request) {
                constexpr int kNoContent = 204;
                HttpReply reply = request.method == "OPTIONS" ? HttpReply::Of(kNoContent, kJson, "")
                                                              : Render(handler(request));
                AllowOrigin(request, reply);
                return reply;
              },
          .methods = std::move(methods),
          .failure = RenderFailure};
}

}  // namespace

Error BadData(std::string message) { return {std::move(message), Reason::kParse}; }

Error BadParameter(std::string_view name, std::string_view why) {
  return BadData(fmt::format("invalid parameter {}: {}", Quote(name), why));
}

Error TooLong() {
  return {fmt::format("the answer is longer than {} MiB; ask for less", kLongestAnswer >> 20)};
}

HttpReply Render(Result<Answer> result) {
  if (!result.ok()) {
    return RenderError(KindOf(result.error().reason), result.error().message);
  }
  JsonWriter& json = result->data;
  Lines(json, "warnings", result->warnings);
  Lines(json, "infos", result->infos);
  return HttpReply::Of(200, kJson, std::move(json.EndObject()).Take());
}

Endpoint OnGet(std::string_view path, Handler handler) {
  return MakeEndpoint(path, std::move(handler), {"GET", "OPTIONS"});
}

Endpoint OnGetAndPost(std::string_view path, Handler handler) {
  return MakeEndpoint(path, std::move(handler), {"GET", "POST", "OPTIONS"});
}

}  // namespace tierwatch::api
