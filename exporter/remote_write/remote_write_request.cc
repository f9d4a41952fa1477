#include "exporter/remote_write/remote_write_request.h"

#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>
#include <utility>

#include "base/labels.h"
#include "exporter/remote_write/message_reader.h"
#include "exporter/remote_write/remote_write_histogram.h"

namespace tierwatch {
namespace {

using series::LabelView;

// Thrown and caught in this file alone, as protozero throws as well.
struct TooLarge {
  std::string what;
};

std::string LabelProblem(std::span<const LabelView> labels) {
  std::string_view before;
  bool named = false;
  for (const LabelView& label : labels) {
    if (label.name.empty() || label.value.empty()) return "a label's name or value is empty";
    if (!IsUtf8(label.name) || !IsUtf8(label.value)) return "a label is not UTF-8";
    if (label.name == before) return fmt::format("the label {} occurs twice", Quote(label.name));
    if (label.name < before) return "labels are not sorted by name";
    named = named || label.name == kMetricName;
    before = label.name;
  }
  return named ? "" : "__name__ is absent";
}

class Reader {
 public:
  Reader(RemoteWriteRequest& request, RemoteWriteVersion version, const RemoteWriteLimits& limits)
      : request_(request), version_(version), limits_(limits) {}

  // Both versions at once: their field numbers differ, and a body of the other version is empty.
  Result<void> Read() {
    const bool second = version_ == RemoteWriteVersion::k2;
    const std::uint32_t symbols = 4, series = second ? 5 : 1;
    if (second) {  // the table may come after what refers to it
      MessageReader message(Body());
      while (message.Next()) {
        if (message.Field() == symbols) {
          Room(symbols_.size(), limits_.labels, "symbols");
          symbols_.push_back(message.Text());
        } else {
          message.Skip();
        }
      }
      if (!symbols_.empty() && !symbols_[0].empty())
        return Error{"the first of the symbols must be the empty text"};
    }
    MessageReader message(Body());
    while (message.Next()) {
      if (message.Field() == series) {
        ReadSeries(message.Message());
      } else {
        message.Skip();
      }
    }
    return {};
  }

 private:
  std::string_view Body() const { return {request_.text.data(), request_.text.size()}; }

  static void Room(std::size_t size, std::size_t limit, const char* what) {
    if (size >= limit) throw TooLarge{fmt::format("more than {} {}", limit, what)};
  }

  void ReadSeries(MessageReader message) {
    RemoteWriteRequest::Series& series = request_.series.emplace_back();
    Room(request_.series.size(), limits_.samples, "series");
    series.label_begin = request_.labels.size();
    const std::size_t first_sample = request_.samples.size();
    start_time_ = 0;
    while (message.Next()) ReadField(message, series);
    if (odd_ && series.problem.empty()) series.problem = "a label has no value";
    odd_ = false;
    series.label_end = request_.labels.size();
    if (series.problem.empty()) series.problem = LabelProblem(request_.LabelsOf(series));
    for (std::size_t i = first_sample; i < request_.samples.size(); ++i) {
      RemoteWriteRequest::Sample& sample = request_.samples[i];
      if (sample.is_histogram && sample.start_time == 0) sample.start_time = start_time_;
    }
  }

  void ReadField(MessageReader& message, RemoteWriteRequest::Series& series) {
    const bool second = version_ == RemoteWriteVersion::k2;
    switch (message.Field()) {
      case 1:
        return second ? ReadReferences(message, series) : ReadLabel(message.Message());
      case 2:
        return ReadSample(message.Message());
      case 3:
      case 4:  // exemplars and histograms have each other's number in the other version
        if ((message.Field() == 3) == second) return ReadHistogram(message);
        message.Skip();
        ++request_.exemplars;
        return;
      case 6:  // before 2.0-rc.4, when it went to the samples
        if (second) {
          start_time_ = message.Int64();
          return;
        }
        [[fallthrough]];
      default:
        message.Skip();
    }
  }

  void ReadLabel(MessageReader message) {
    Room(request_.labels.size(), limits_.labels, "labels");
    LabelView& label = request_.labels.emplace_back();
    while (message.Next()) {
      if (message.Field() == 1) {
        label.name = message.Text();
      } else if (message.Field() == 2) {
        label.value = message.Text();
      } else {
        message.Skip();
      }
    }
  }

  void ReadReferences(MessageReader& message, RemoteWriteRequest::Series& series) {
    message.Uint32s([&](std::uint32_t reference) { AddReference(reference, series); });
  }

  void AddReference(std::uint32_t reference, RemoteWriteRequest::Series& series) {
    std::string_view text;
    if (reference < symbols_.size()) {
      text = symbols_[reference];
    } else {
      series.problem = fmt::format("a label refers to symbol {} of {}", reference, symbols_.size());
    }
    if (odd_) {
      request_.labels.back().value = text;
    } else {
      Room(request_.labels.size(), limits_.labels, "labels");
      request_.labels.push_back({text, {}});
    }
    odd_ = !odd_;
  }

  void ReadSample(MessageReader message) {
    RemoteWriteRequest::Sample& sample = AddSample();
    while (message.Next()) {
      if (message.Field() == 1) {
        sample.value = message.Double();
      } else if (message.Field() == 2) {
        sample.time = message.Int64();
      } else {
        message.Skip();
      }
    }
  }

  void ReadHistogram(MessageReader& message) {
    RemoteWriteRequest::Sample& sample = AddSample();
    const std::string_view text = message.Text();
    // So that what is counted afterwards is no more than a few times as large.
    Room(text.size(), limits_.histogram_bytes, "bytes in a histogram");
    WrittenHistogram written = ReadWrittenHistogram(text);
    buckets_ += written.buckets;
    Room(buckets_, limits_.buckets, "buckets");
    sample.time = written.time;
    sample.histogram = std::move(written.histogram);
    sample.start_time = written.start_time;
    sample.is_histogram = true;
    if (request_.histogram_problem.empty()) request_.histogram_problem = std::move(written.problem);
  }

  RemoteWriteRequest::Sample& AddSample() {
    Room(request_.samples.size(), limits_.samples, "samples");
    RemoteWriteRequest::Sample& sample = request_.samples.emplace_back();
    sample.series = request_.series.size() - 1;
    return sample;
  }

  RemoteWriteRequest& request_;
  const RemoteWriteVersion version_;
  const RemoteWriteLimits& limits_;
  std::vector<std::string_view> symbols_;
  std::size_t buckets_ = 0;
  TimestampMs start_time_ = 0;  // of the series that is being read
  bool odd_ = false;            // the last reference was of a name
};

}  // namespace

Result<RemoteWriteRequest> ReadRemoteWrite(std::string_view body, RemoteWriteVersion version,
                                           const RemoteWriteLimits& limits) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size))
    return Error{"the body is not compressed by Snappy"};
  if (size > limits.text_bytes) {
    return Error{fmt::format("the body has {} bytes when uncompressed, more than {}", size,
                             limits.text_bytes),
                 Reason::kLimit};
  }
  RemoteWriteRequest request;
  request.text.resize(size);
  if (!snappy::RawUncompress(body.data(), body.size(), request.text.data()))
    return Error{"the body is not compressed by Snappy"};
  try {
    if (Result<void> read = Reader(request, version, limits).Read(); !read.ok())
      return std::move(read).error();
  } catch (const protozero::exception& error) {
    return Error{fmt::format("the body is no message of Protocol Buffers: {}", error.what())};
  } catch (const TooLarge& error) {
    return Error{"the body has " + error.what, Reason::kLimit};
  }
  return request;
}

}  // namespace tierwatch
