#include "demo/webhook_printer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/duration.h"

namespace tierwatch::demo {
namespace {

using Json = nlohmann::json;

/// A text member of a JSON object, "" where there is none.
std::string Text(const Json& object, std::string_view key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& Member(const Json& object, std::string_view key, const Json& otherwise) {
  const auto found = object.find(key);
  return found == object.end() ? otherwise : *found;
}

Result<Page> ReadPage(const Json& alert) {
  const Json none = Json::object();
  if (!alert.is_object()) return Error{"an alert is no object", Reason::kParse};
  const Json& labels = Member(alert, "labels", none);
  const Json& annotations = Member(alert, "annotations", none);
  const Result<TimestampMs> starts_at = ParseTimestamp(Text(alert, "startsAt"));
  if (!starts_at.ok()) return Error(starts_at.error()).In("startsAt");
  Page page;
  page.firing = Text(alert, "status") == "firing";
  page.name = Text(labels, "alertname");
  page.severity = Text(labels, "severity");
  page.summary = Text(annotations, "summary");
  page.description = Text(annotations, "description");
  page.starts_at = *starts_at;
  const Result<TimestampMs> ends_at = ParseTimestamp(Text(alert, "endsAt"));
  if (ends_at.ok()) page.ends_at = *ends_at;
  return page;
}

std::string Printable(std::string_view text) {
  std::string clean;
  for (const char c : text) clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return clean;
}

std::string TimeOfDay(TimestampMs time) {
  return FormatTimestamp(time - time % 1000).substr(11, 8);
}

}  // namespace

Result<std::vector<Page>> ParsePages(std::string_view body) {
  const Json payload = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!payload.is_object() || Text(payload, "version") != "4") {
    return Error{"found no webhook payload of version 4", Reason::kParse};
  }
  std::vector<Page> pages;
  const auto alerts = payload.find("alerts");
  if (alerts == payload.end() || !alerts->is_array()) {
    return Error{"found no list of alerts", Reason::kParse};
  }
  for (const Json& alert : *alerts) {
    Result<Page> page = ReadPage(alert);
    if (!page.ok()) return std::move(page).error();
    pages.push_back(*std::move(page));
  }
  return pages;
}

std::string FormatPage(const Page& page, bool colours) {
  const std::string_view colour = !colours ? "" : page.firing ? "\x1b[1;31m" : "\x1b[1;32m";
  const std::string_view plain = colours ? "\x1b[0m" : "";
  std::string when = "since " + TimeOfDay(page.starts_at);
  if (!page.firing && page.ends_at >= page.starts_at) {
    const Millis held(page.ends_at - page.starts_at);
    when += ", after " + FormatDuration(std::chrono::duration_cast<std::chrono::seconds>(held));
  }
  std::string text =
      fmt::format("{}{:<8}{}  {:<16}  {:<8}  {}", colour, page.firing ? "FIRING" : "RESOLVED",
                  plain, Printable(page.name), Printable(page.severity), when);
  const std::string& what = page.summary.empty() ? page.description : page.summary;
  if (!what.empty()) text += "\n          " + Printable(what);
  return text;
}

Result<std::unique_ptr<WebhookReceiver>> WebhookReceiver::Start(Receive receive) {
  std::unique_ptr<WebhookReceiver> receiver(new WebhookReceiver(std::move(receive)));
  WebhookReceiver* raw = receiver.get();
  raw->reader_ = std::jthread([raw](std::stop_token stop) { raw->Run(stop); });
  Result<std::unique_ptr<HttpListener>> listener = HttpListener::Start(
      "127.0.0.1:0", [raw](const Request& request) { return raw->Accept(request); });
  if (!listener.ok()) return std::move(listener).error().In("webhook receiver");
  raw->listener_ = *std::move(listener);
  return receiver;
}

Reply WebhookReceiver::Accept(const Request& request) {
  Result<std::vector<Page>> pages = ParsePages(request.body);
  if (!pages.ok())
    return {.status = 400, .content_type = "text/plain", .body = pages.error().message + "\n"};
  {
    std::lock_guard lock(mutex_);
    for (Page& page : *pages) pages_.push_back(std::move(page));
  }
  arrived_.notify_one();
  return {.status = 200, .content_type = "text/plain", .body = "ok\n"};
}

void WebhookReceiver::Run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (arrived_.wait(lock, stop, [this] { return !pages_.empty(); })) {
    const Page page = std::move(pages_.front());
    pages_.pop_front();
    lock.unlock();
    receive_(page);
    lock.lock();
  }
}

}  // namespace tierwatch::demo
