// The envelope of Prometheus's HTTP API: every answer and every error goes out in it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exporter/api/json.h"
#include "exporter/http_server.h"

namespace tierwatch::api {

/// What a handler gives: `data` takes one JSON value.
struct Answer {
  JsonWriter data{R"({"status":"success","data":)"};
  std::vector<std::string> warnings{};
  std::vector<std::string> infos{};
};

/// An error's reason says its type and status: kParse is bad_data (400), kTimeout timeout (503),
/// kCanceled canceled (503: only our own end cancels; Prometheus's 499 is for clients that left),
/// kConnect unavailable (503), all others execution (422); an exception is internal (500). What
/// Accept asks for makes no difference. Called from many threads.
using Handler = std::function<Result<Answer>(const ServerRequest&)>;

/// The client's mistake.
Error BadData(std::string message);
/// `invalid parameter "name": why`.
Error BadParameter(std::string_view name, std::string_view why);

/// No answer gets longer than this many bytes, about.
inline constexpr std::size_t kLongestAnswer = 256 << 20;
Error TooLong();

HttpReply Render(Result<Answer> result);

/// The endpoint /api/v1/`path`. Scripts of any origin may read it, as in Prometheus: OPTIONS says
/// so. Unlike pages, the API has no HEAD.
Endpoint OnGet(std::string_view path, Handler handler);
Endpoint OnGetAndPost(std::string_view path, Handler handler);

}  // namespace tierwatch::api
