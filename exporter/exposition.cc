#include "exporter/exposition.h"

#include <zlib.h>

#include <cassert>

namespace tierwatch {
namespace {

// Gzip in one go; "" where zlib has no memory, which Accept-Encoding then treats as "no gzip".
std::string Gzip(const std::string& text) {
  z_stream stream{};
  constexpr int kLevel = 1, kGzipWindow = 15 + 16, kMemory = 8;
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string packed(deflateBound(&stream, text.size()), '\0');
  // zlib promises not to write through next_in.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(result == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  packed.shrink_to_fit();
  return packed;
}

}  // namespace

Page::Page(std::vector<std::shared_ptr<const BatchText>> batches) : batches_(std::move(batches)) {}

const PageText& Page::Rendered() const {
  std::call_once(text_once_, [this] {
    std::vector<const BatchText*> batches;
    for (const auto& batch : batches_) batches.push_back(batch.get());
    rendered_ = JoinPage(batches);
    batches_.clear();
  });
  return rendered_;
}

const std::string& Page::text() const { return Rendered().text; }
std::size_t Page::dropped() const { return Rendered().dropped; }

const std::string& Page::gzip() const {
  std::call_once(gzip_once_, [this] { gzip_ = Gzip(text()); });
  return gzip_;
}

void Exposition::Publish(const Batch& batch) {
  auto rendered =
      std::make_shared<const BatchText>(RenderBatch(batch.families, batch.target_labels));
  std::shared_ptr<const Page> old;  // freed outside the lock, as is the old batch
  const std::lock_guard lock(mutex_);
  batches_[{batch.collector, batch.target_labels}].swap(rendered);
  page_.swap(old);
}

void Exposition::Remove(const std::string& collector, const Labels& target_labels) {
  const std::lock_guard lock(mutex_);
  batches_.erase({collector, target_labels});
  page_.reset();
}

std::shared_ptr<const Page> Exposition::Current() const {
  const std::lock_guard lock(mutex_);
  if (!page_) {
    std::vector<std::shared_ptr<const BatchText>> batches;
    batches.reserve(batches_.size());
    for (const auto& [target, batch] : batches_) batches.push_back(batch);
    page_ = std::make_shared<Page>(std::move(batches));
  }
  return page_;
}

}  // namespace tierwatch
