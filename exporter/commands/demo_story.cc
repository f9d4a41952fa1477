#include "exporter/commands/demo_story.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/duration.h"

namespace tierwatch {
namespace {

/// "01:05", the time since the start.
std::string Stamp(SteadyTime::duration elapsed) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
  return fmt::format("{:02}:{:02}  ", seconds / 60, seconds % 60);
}

/// Further lines stand below the first, not below its time.
std::string Indented(std::string text) {
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
    text.insert(at + 1, sizeof("00:00  ") - 1, ' ');
  }
  return text;
}

}  // namespace

DemoStory::DemoStory(std::vector<std::string> alerts, std::FILE* out, const Clock& clock)
    : alerts_(std::move(alerts)),
      out_(out),
      colours_(::isatty(::fileno(out)) == 1),
      clock_(clock),
      start_(clock.Steady()) {}

void DemoStory::Say(std::string_view line) {
  std::lock_guard lock(mutex_);
  Write(line);
}

void DemoStory::TellFault(const demo::Fault& fault, bool began) {
  std::lock_guard lock(mutex_);
  const std::string line =
      began ? fmt::format("{:<8}  {}, for {}", "fault", demo::Describe(fault),
                          FormatDuration(fault.duration))
            : fmt::format("{:<8}  no longer: {}", "repaired", demo::Describe(fault));
  Write(Stamp(clock_.Steady() - start_) + line);
}

void DemoStory::TellPage(const demo::Page& page) {
  std::lock_guard lock(mutex_);
  Told& told = told_[page.name];
  ++(page.firing ? told.fired : told.resolved);
  Write(Stamp(clock_.Steady() - start_) + Indented(demo::FormatPage(page, colours_)));
}

std::size_t DemoStory::Done() const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      alerts_.begin(), alerts_.end(), [this](const std::string& alert) { return IsDone(alert); }));
}

std::string DemoStory::Missing() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> missing;
  for (const std::string& alert : alerts_) {
    if (!IsDone(alert)) missing.push_back(alert);
  }
  return fmt::format("{}", fmt::join(missing, ", "));
}

bool DemoStory::IsDone(const std::string& alert) const {
  const auto told = told_.find(alert);
  return told != told_.end() && told->second.fired > 0 &&
         told->second.resolved >= told->second.fired;
}

void DemoStory::Write(std::string_view text) {
  fmt::print(out_, "{}\n", text);
  std::fflush(out_);
}

}  // namespace tierwatch
