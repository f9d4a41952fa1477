#include "demo/redis_cache.h"

#include <charconv>
#include <utility>

#include "base/http_client.h"

namespace tierwatch::demo {
namespace {

constexpr Millis kTimeout{200};  // of a command: a cache that is slower than the origin is none
constexpr Millis kProbeEvery{500};
constexpr int kDefaultPort = 6379;

Result<int> ParseDatabase(std::string_view path) {
  int database = 0;
  if (path.empty() || path == "/") return database;
  const char* end = path.data() + path.size();
  const auto [at, error] = std::from_chars(path.data() + 1, end, database);
  if (error != std::errc() || at != end || database < 0) {
    return Error{"found path \"" + std::string(path) + "\", expected a database number: /0",
                 Reason::kParse};
  }
  return database;
}

}  // namespace

Result<std::unique_ptr<RedisCache>> RedisCache::Make(std::string_view text, const Clock& clock) {
  Result<Url> url = ParseUrl(text);
  if (!url.ok()) return std::move(url).error();
  if (url->scheme != "redis" && url->scheme != "rediss") {
    return Error{"found scheme \"" + url->scheme + "\", expected redis or rediss", Reason::kParse};
  }
  Result<int> database = ParseDatabase(url->path);
  if (!database.ok()) return std::move(database).error();
  RedisOptions options;
  options.address.host = url->host;
  options.address.port = url->port == 0 ? kDefaultPort : url->port;
  options.address.tls = url->scheme == "rediss";
  options.username = url->user;
  options.password.value = url->password;
  options.database = *database;
  return std::unique_ptr<RedisCache>(new RedisCache(std::move(options), clock));
}

Result<std::optional<std::string>> RedisCache::Get(const std::string& key) {
  Result<RedisReply> reply = Run({"GET", key});
  if (!reply.ok()) return std::move(reply).error();
  if (reply->kind != RedisReply::Kind::kText) return std::optional<std::string>();
  return std::optional<std::string>(std::move(reply->text));
}

Result<void> RedisCache::Set(const std::string& key, std::string_view value, Millis ttl) {
  Result<RedisReply> reply =
      Run({"SET", key, std::string(value), "PX", std::to_string(ttl.count())});
  if (!reply.ok()) return std::move(reply).error();
  return {};
}

Result<void> RedisCache::Delete(const std::string& key) {
  Result<RedisReply> reply = Run({"DEL", key});
  if (!reply.ok()) return std::move(reply).error();
  return {};
}

bool RedisCache::Available() {
  if (clock_.Steady() - heard_.load() < kProbeEvery) return available_;
  std::unique_lock probing(probing_, std::try_to_lock);
  if (probing.owns_lock()) (void)Run({"PING"});  // what it tells is kept by Heard
  return available_;
}

BackendStats RedisCache::Stats() {
  if (!Available()) return {};
  const Result<RedisReply> reply = Run({"DBSIZE"});
  if (!reply.ok() || reply->kind != RedisReply::Kind::kInteger) return {};
  return {.entries = reply->integer, .evictions = std::nullopt};
}

Result<RedisReply> RedisCache::Run(RedisCommand command) {
  std::unique_ptr<RedisClient> client = Borrow();
  Result<RedisReply> reply = RunOn(*client, std::move(command));
  GiveBack(std::move(client));
  return reply;
}

Result<RedisReply> RedisCache::RunOn(RedisClient& client, RedisCommand command) {
  const Deadline deadline{.clock = clock_, .at = clock_.Steady() + kTimeout, .stop = {}};
  const std::vector<RedisCommand> commands{std::move(command)};
  Result<std::vector<RedisReply>> replies = client.Run(commands, deadline);
  Heard(replies.ok());
  if (!replies.ok()) return std::move(replies).error();
  RedisReply& reply = replies->front();
  if (reply.IsError()) return RedisError(reply);
  return std::move(reply);
}

std::unique_ptr<RedisClient> RedisCache::Borrow() {
  std::lock_guard lock(idle_mutex_);
  if (idle_.empty()) return std::make_unique<RedisClient>(options_);
  std::unique_ptr<RedisClient> client = std::move(idle_.back());
  idle_.pop_back();
  return client;
}

void RedisCache::GiveBack(std::unique_ptr<RedisClient> client) {
  std::lock_guard lock(idle_mutex_);
  idle_.push_back(std::move(client));
}

void RedisCache::Heard(bool answered) {
  available_ = answered;
  heard_ = clock_.Steady();
}

}  // namespace tierwatch::demo
