// A text with Go template actions, as Prometheus uses them in labels and annotations: compiled once
// per rule, expanded for every alert.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/labels.h"
#include "base/place.h"
#include "base/result.h"

namespace tierwatch {

namespace tmpl {
struct Program;
}

/// What a template is told of one alert: `$labels`, `$value`, `$externalLabels`, `$externalURL`.
struct TemplateData {
  Labels labels;  // of the series that the rule's expression gave
  double value = 0;
  Labels external_labels;
  std::string external_url;
  TimestampMs time = 0;  // of the evaluation: `now`
};

/// What an expansion depends on at most: besides labels and the external URL, which an element
/// keeps, its value; besides that, the time or other series.
enum class TemplateInput { kLabels, kValue, kMoment };

/// A label of the alert's series that a template shows, at which byte of it.
struct LabelUse {
  std::string name;
  std::size_t offset = 0;
};

/// A sample that the template function `query` found.
struct TemplateSample {
  Labels labels;
  double value = 0;
};

/// Answers the template function `query` at the time of the evaluation.
using TemplateQuery = std::function<Result<std::vector<TemplateSample>>(std::string_view expr)>;

/// Immutable, cheap to copy, thread-safe.
class Template {
 public:
  /// Source of the language: Go's text/template; of the functions: prometheus/template/template.go.
  static Parsed<Template> Compile(std::string_view text);
  /// Text that stands for itself, whatever braces it has.
  static Template Plain(std::string_view text);

  /// Bounded: 64 KiB of output, 100,000 steps, 4 MiB handled by functions, 100 queries, nesting 200
  /// deep; beyond that, and on whatever Go would refuse, an error "LINE:COLUMN: …". `query` may be
  /// empty.
  Result<std::string> Expand(const TemplateData& data, const TemplateQuery& query) const;

  const std::string& text() const { return text_; }
  TemplateInput input() const { return input_; }
  /// The labels that it shows without having asked whether they are there.
  std::vector<LabelUse> LabelsShown() const;

 private:
  std::string text_;
  TemplateInput input_ = TemplateInput::kLabels;
  std::shared_ptr<const tmpl::Program> program_;  // null: the text has no actions
};

}  // namespace tierwatch
