#include "exporter/web.h"

#include <algorithm>
#include <iterator>

namespace tierwatch {
namespace {

const std::vector<std::string> kPage{"GET", "HEAD"};
constexpr const char* kPlainText = "text/plain; charset=utf-8";

HttpReply AnswerMetrics(const ServerRequest& request, const std::shared_ptr<const Page>& page) {
  HttpReply reply;
  reply.content_type = kTextFormatContentType;
  reply.headers.emplace_back("Vary", "Accept-Encoding");
  const bool gzip = request.AcceptsGzip() && !page->gzip().empty();
  if (gzip) reply.headers.emplace_back("Content-Encoding", "gzip");
  reply.body = {page, gzip ? &page->gzip() : &page->text()};  // the page lives as long as its reply
  return reply;
}

}  // namespace

std::vector<Endpoint> MakeEndpoints(WebSource source) {
  std::vector<Endpoint> routes = api::ApiEndpoints(source.api);
  std::ranges::move(api::AlertmanagerEndpoints(source.notifier, source.api.clock),
                    std::back_inserter(routes));
  routes.push_back({"/", [overview = source.overview](const ServerRequest&) {
                      return HttpReply::Of(200, "text/html; charset=utf-8", overview());
                    }});
  routes.push_back({"/metrics",
                    [page = source.page](const ServerRequest& request) {
                      return AnswerMetrics(request, page());
                    },
                    kPage, true});
  routes.push_back({"/-/healthy",
                    [](const ServerRequest&) { return HttpReply::Of(200, kPlainText, "ok\n"); },
                    kPage, true});
  routes.push_back({"/-/reload",
                    [reload = source.reload](const ServerRequest&) {
                      const Result<void> done = reload();
                      return done.ok() ? HttpReply::Of(200, kPlainText, "reloaded\n")
                                       : HttpReply::Of(500, kPlainText,
                                                       "failed to reload, what ran runs on:\n" +
                                                           done.error().message + "\n");
                    },
                    {"POST", "PUT"}});
  routes.push_back({"/-/ready",
                    [ready = source.ready](const ServerRequest&) {
                      return ready()
                                 ? HttpReply::Of(200, kPlainText, "ready\n")
                                 : HttpReply::Of(
                                       503, kPlainText,
                                       "not ready: targets are being sampled for the first time\n");
                    },
                    kPage, true});
  return routes;
}

}  // namespace tierwatch
