#include "collectors/client/redis_reply.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <new>

#include "base/labels.h"

namespace tierwatch {
namespace {

constexpr std::size_t kMaxErrorText = 200;

// What the callbacks below know of their reader: how many more elements it may make.
struct Budget {
  std::size_t elements = 0;
};

// The reader builds our own replies: the place of a new one is in its parent, or on the heap for
// the outermost, which hiredis gives back to Next or to Free. Null tells hiredis that there is no
// memory: it stops with an error.
RedisReply* Place(const redisReadTask* task) noexcept {
  if (task->parent != nullptr)
    return &static_cast<RedisReply*>(task->parent->obj)->items[task->idx];
  return new (std::nothrow) RedisReply;
}

void* CreateText(const redisReadTask* task, char* text, std::size_t size) noexcept {
  RedisReply* reply = Place(task);
  if (reply == nullptr) return nullptr;
  reply->kind =
      task->type == REDIS_REPLY_ERROR ? RedisReply::Kind::kError : RedisReply::Kind::kText;
  reply->text.assign(text, size);
  return reply;
}

// hiredis 0.14 counts in int, 1.x in size_t.
template <class Count>
void* CreateArray(const redisReadTask* task, Count count) noexcept {
  Budget& budget = *static_cast<Budget*>(task->privdata);
  const auto size = static_cast<std::size_t>(count);
  if (size > budget.elements) {
    budget.elements = 0;
    return nullptr;
  }
  budget.elements -= size;
  RedisReply* reply = Place(task);
  if (reply == nullptr) return nullptr;
  reply->kind = RedisReply::Kind::kArray;
  reply->items.resize(size);
  return reply;
}

void* CreateInteger(const redisReadTask* task, long long value) noexcept {
  RedisReply* reply = Place(task);
  if (reply == nullptr) return nullptr;
  reply->kind = RedisReply::Kind::kInteger;
  reply->integer = value;
  return reply;
}

void* CreateNil(const redisReadTask* task) noexcept { return Place(task); }

void Free(void* reply) noexcept { delete static_cast<RedisReply*>(reply); }

redisReplyObjectFunctions Functions() {
  redisReplyObjectFunctions functions{};
  functions.createString = CreateText;
  functions.createArray = CreateArray;
  functions.createInteger = CreateInteger;
  functions.createNil = CreateNil;
  functions.freeObject = Free;
#if HIREDIS_MAJOR >= 1
  // Types of RESP3, which is never asked for; a server that sends them all the same is read.
  functions.createDouble = [](const redisReadTask* task, double, char* text, std::size_t size) {
    return CreateText(task, text, size);
  };
  functions.createBool = [](const redisReadTask* task, int value) {
    return CreateInteger(task, value);
  };
#endif
  return functions;
}

}  // namespace

bool RedisReply::IsError(std::string_view code) const {
  return IsError() && std::string_view(text).substr(0, text.find(' ')) == code;
}

Error RedisError(const RedisReply& reply) {
  Reason reason = Reason::kOther;
  if (reply.IsError("NOAUTH") || reply.IsError("WRONGPASS")) reason = Reason::kAuth;
  if (reply.IsError("NOPERM")) reason = Reason::kPrivileges;
  return Error{ToUtf8(std::string_view(reply.text).substr(0, kMaxErrorText)), reason};
}

void AppendRedisCommand(const RedisCommand& command, std::string& out) {
  std::vector<const char*> words;
  std::vector<std::size_t> sizes;
  for (const std::string& word : command) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* bytes = nullptr;
  const auto size =
      redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), words.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  out.append(bytes, static_cast<std::size_t>(size));
  redisFreeCommand(bytes);
}

struct RedisReplyReader::State {
  explicit State(std::size_t limit) : max_bytes(limit) {}
  ~State() { redisReaderFree(reader); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const std::size_t max_bytes;
  std::size_t bytes = 0;
  Budget budget;
  redisReplyObjectFunctions functions = Functions();
  redisReader* reader = redisReaderCreateWithFunctions(&functions);
};

RedisReplyReader::RedisReplyReader(std::size_t max_bytes)
    : state_(std::make_unique<State>(max_bytes)) {
  if (state_->reader == nullptr) throw std::bad_alloc();
  state_->reader->privdata = &state_->budget;
  BeginCount();
}

RedisReplyReader::~RedisReplyReader() = default;
RedisReplyReader::RedisReplyReader(RedisReplyReader&&) noexcept = default;

void RedisReplyReader::BeginCount() {
  state_->bytes = 0;
  state_->budget.elements = state_->max_bytes / 16;
}

Result<void> RedisReplyReader::Feed(std::string_view bytes) {
  state_->bytes += bytes.size();
  if (state_->bytes > state_->max_bytes) {
    return Error{fmt::format("the replies are over {} bytes", state_->max_bytes), Reason::kLimit};
  }
  if (redisReaderFeed(state_->reader, bytes.data(), bytes.size()) != REDIS_OK) {
    return Error{state_->reader->errstr, Reason::kParse};
  }
  return {};
}

Result<std::optional<RedisReply>> RedisReplyReader::Next() {
  void* found = nullptr;
  if (redisReaderGetReply(state_->reader, &found) != REDIS_OK) {
    if (state_->reader->err == REDIS_ERR_OOM) {
      return Error{"a reply has too many elements", Reason::kLimit};
    }
    return Error{fmt::format("not RESP: {}", state_->reader->errstr), Reason::kParse};
  }
  if (found == nullptr) return std::optional<RedisReply>{};
  const std::unique_ptr<RedisReply> reply(static_cast<RedisReply*>(found));
  return std::optional<RedisReply>(std::move(*reply));
}

}  // namespace tierwatch
