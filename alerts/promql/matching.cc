// Binary operators between vectors: which series meet which. That follows from labels alone, so it
// is worked out once per pair of frames.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/promql/binary.h"
#include "alerts/promql/evaluator.h"
#include "base/labels.h"

namespace tierwatch::promql {
namespace {

constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);

// The labels that decide on a match.
class MatchKey {
 public:
  MatchKey(const VectorMatching& matching, series::Symbols& symbols) : on_(matching.on) {
    for (const std::string& name : matching.labels) names_.push_back(symbols.Intern(name));
  }
  bool Named(Symbol name) const { return std::ranges::find(names_, name) != names_.end(); }
  LabelPairs operator()(LabelPairs labels) {
    kept_.clear();
    for (const LabelPair& label : labels) {
      const bool named = Named(label.name);
      if (on_ ? named : !named && label.name != series::kNameSymbol) kept_.push_back(label);
    }
    return kept_;
  }
  bool on() const { return on_; }

 private:
  const bool on_;
  std::vector<Symbol> names_;
  std::vector<LabelPair> kept_;
};

// The signatures of the series of both sides, numbered.
struct Signatures : Memo {
  FramePtr lhs, rhs;
  std::vector<std::uint32_t> left, right;  // by series
  std::size_t count = 0;

  bool Fits(const StepVector& l, const StepVector& r) const {
    return lhs == l.frame && rhs == r.frame;
  }
  void Make(const VectorMatching& matching, const StepVector& l, const StepVector& r,
            const std::shared_ptr<series::Symbols>& symbols) {
    MatchKey key(matching, *symbols);
    FrameBuilder numbers(symbols);
    const auto number = [&](const Frame& frame, std::vector<std::uint32_t>& ids) {
      ids.clear();
      ids.reserve(frame.size());
      for (std::size_t i = 0; i < frame.size(); ++i)
        ids.push_back(static_cast<std::uint32_t>(numbers.Insert(key(frame[i])).first));
    };
    number(*l.frame, left);
    number(*r.frame, right);
    count = numbers.size();
    lhs = l.frame;
    rhs = r.frame;
  }
};

// Pairs of series that meet, and the labels of what they give.
struct Pairing : Signatures {
  // An element of a series "many" meets the one element of its signature. Each pair that can occur
  // has an output; kNone stands for a series that isn't there and is filled in.
  struct Pair {
    std::uint32_t one = kNone;
    std::uint32_t output = 0;
  };
  std::vector<Pair> pairs;               // of all of "many", one after the other
  std::vector<std::uint32_t> ends;       // by series of "many", in pairs
  std::vector<std::uint32_t> unmatched;  // by series of "one", its output where "many" is filled in
  Relabelling outputs;                   // from outputs to the labels of the result
  // Outputs that would be the same series of the same signature: at most one may occur at a step.
  std::vector<std::uint32_t> rivals;  // by output: kNone, or a number that rivals share
  std::size_t rival_count = 0;
  FramePtr output_labels;
};

bool AnyAt(const StepVector& vector, std::size_t step) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (vector.Has(i, step)) return true;
  }
  return false;
}

// Joins two vectors. "many" and "one" are the sides as the cardinality has them; for one-to-one
// "many" is the left.
class Join {
 public:
  Join(Evaluator& evaluator, const Expr& expr, const Binary& node, const StepVector& lhs,
       const StepVector& rhs)
      : evaluator_(evaluator),
        expr_(expr),
        node_(node),
        matching_(*node.matching),
        swapped_(matching_.cardinality == Cardinality::kOneToMany),
        many_(swapped_ ? rhs : lhs),
        one_(swapped_ ? lhs : rhs),
        // As in Prometheus, fill_left and fill_right go with the sides as they are after the swap.
        fill_many_(matching_.fill_left),
        fill_one_(matching_.fill_right),
        steps_(evaluator.steps().count),
        pairing_(evaluator.MemoOf<Pairing>(expr)) {}

  Result<StepVector> Run() {
    if (!pairing_.Fits(many_, one_)) {
      pairing_.Make(matching_, many_, one_, evaluator_.symbols());
      if (auto error = MakePairs()) {
        pairing_.lhs = nullptr;  // half made
        return *error;
      }
    }
    StepVector out = evaluator_.NewVector(pairing_.output_labels);
    for (std::size_t step = 0; step < steps_; ++step) {
      // Where a side is empty there is nothing to join, and nothing to complain of.
      const bool many = AnyAt(many_, step), one = AnyAt(one_, step);
      const bool fills = fill_many_ || fill_one_;
      if (!((many && one) || (fills && (many || one)))) continue;
      if (auto error = JoinAt(step, out)) return *error;
    }
    return evaluator_.Move(std::move(out), pairing_.outputs);
  }

 private:
  bool OneToOne() const { return matching_.cardinality == Cardinality::kOneToOne; }

  // All that follows from labels.
  std::optional<Error> MakePairs() {
    std::vector<std::vector<std::uint32_t>> ones(pairing_.count);
    for (std::uint32_t i = 0; i < one_.size(); ++i) ones[pairing_.right[i]].push_back(i);
    FrameBuilder labels(evaluator_.symbols());
    MatchKey key(matching_, *evaluator_.symbols());
    for (const std::string& name : matching_.include)
      include_.push_back(evaluator_.symbols()->Intern(name));
    std::vector<std::uint32_t> signatures;  // by output
    const auto add = [&](std::uint32_t many, std::uint32_t one, std::uint32_t signature) {
      signatures.push_back(signature);
      return static_cast<std::uint32_t>(
          labels.Add(ResultLabels(many, one, key), node_.return_bool));
    };
    pairing_.pairs.clear();
    pairing_.ends.clear();
    for (std::uint32_t i = 0; i < many_.size(); ++i) {
      if (auto error = evaluator_.Interrupted(i)) return error;
      const std::uint32_t signature = pairing_.left[i];
      for (const std::uint32_t one : ones[signature])
        pairing_.pairs.push_back({one, add(i, one, signature)});
      if (fill_one_) pairing_.pairs.push_back({kNone, add(i, kNone, signature)});
      pairing_.ends.push_back(static_cast<std::uint32_t>(pairing_.pairs.size()));
      if (labels.size() > evaluator_.options().max_samples / steps_)
        return evaluator_.TooManySamples();
      if ((i & 255) == 0 && labels.frame().bytes() > evaluator_.options().max_bytes)
        return evaluator_.TooManyBytes();
    }
    pairing_.unmatched.clear();
    for (std::uint32_t i = 0; fill_many_ && i < one_.size(); ++i)
      pairing_.unmatched.push_back(add(kNone, i, pairing_.right[i]));
    pairing_.output_labels = labels.Finish();
    FindRivals(signatures);
    return std::nullopt;
  }

  // Joins outputs of equal labels, and numbers those that also have the same signature.
  void FindRivals(const std::vector<std::uint32_t>& signatures) {
    const Frame& labels = *pairing_.output_labels;
    FrameBuilder merged(evaluator_.symbols());
    FrameBuilder by_signature(evaluator_.symbols());
    std::vector<LabelPair> key;
    std::vector<std::uint32_t> members;  // by number, how many outputs have it
    pairing_.rivals.clear();
    pairing_.outputs.to.clear();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      pairing_.outputs.to.push_back(
          static_cast<std::uint32_t>(merged.Insert(labels[i], labels.DropsName(i)).first));
      key.assign(labels[i].begin(), labels[i].end());
      key.push_back({kNone, signatures[i]});
      const auto [number, fresh] = by_signature.Insert(key);
      if (fresh) members.push_back(0);
      ++members[number];
      pairing_.rivals.push_back(static_cast<std::uint32_t>(number));
    }
    for (std::uint32_t& rival : pairing_.rivals) {
      if (members[rival] == 1) rival = kNone;
    }
    pairing_.rival_count = members.size();
    if (merged.size() == labels.size()) pairing_.outputs.to.clear();
    pairing_.outputs.frame = Settled(pairing_.outputs.frame, merged.Finish());
  }

  LabelPairs ResultLabels(std::uint32_t many, std::uint32_t one, MatchKey& key) {
    const auto match_labels = [&](LabelPairs labels) {
      const LabelPairs kept = key(labels);
      return std::vector<LabelPair>(kept.begin(), kept.end());
    };
    const auto copy = [](LabelPairs labels) {
      return std::vector<LabelPair>(labels.begin(), labels.end());
    };
    const std::vector<LabelPair> from_one =
        one == kNone ? match_labels((*many_.frame)[many]) : copy((*one_.frame)[one]);
    labels_ = many == kNone ? match_labels((*one_.frame)[one]) : copy((*many_.frame)[many]);
    const bool names_now = node_.return_bool && !evaluator_.options().delayed_name_removal;
    if (ChangesMetric(node_.op) || names_now) labels_ = copy(WithoutMetadata(labels_));
    if (OneToOne()) {
      std::erase_if(labels_,
                    [&](const LabelPair& label) { return key.Named(label.name) != key.on(); });
    }
    for (const Symbol name : include_)
      series::SetValue(labels_, name, series::ValueOf(from_one, name));
    return labels_;
  }

  Error Duplicate(std::size_t a, std::size_t b) const {
    const Labels x = one_.frame->LabelsOf(a), y = one_.frame->LabelsOf(b);
    const auto [first, second] = std::minmax(x, y);
    MatchKey key(matching_, *evaluator_.symbols());
    const std::vector<LabelPair> pairs = series::Interned(*evaluator_.symbols(), first);
    return Error{"found duplicate series for the match group " +
                 Braces(series::Spelled(*evaluator_.symbols(), key(pairs))) + " on the " +
                 (swapped_ ? "left" : "right") + " hand-side of the operation: [" + Braces(first) +
                 ", " + Braces(second) +
                 "];many-to-many matching not allowed: matching labels must be unique on one side"};
  }

  std::optional<Error> JoinAt(std::size_t step, StepVector& out) {
    one_at_.assign(pairing_.count, kNone);
    for (std::uint32_t i = 0; i < one_.size(); ++i) {
      if (!one_.Has(i, step)) continue;
      std::uint32_t& present = one_at_[pairing_.right[i]];
      if (present != kNone) return Duplicate(present, i);
      present = i;
    }
    matched_.assign(pairing_.count, false);
    rivals_seen_.assign(OneToOne() ? 0 : pairing_.rival_count, false);
    std::size_t begin = 0;
    for (std::uint32_t i = 0; i < many_.size(); begin = pairing_.ends[i++]) {
      if (!many_.Has(i, step)) continue;
      const std::uint32_t one = one_at_[pairing_.left[i]];
      if (one == kNone && !fill_one_) continue;
      std::size_t at = begin;
      while (pairing_.pairs[at].one != one) ++at;
      const Point right = one == kNone ? Point{*fill_one_} : one_.At(one, step);
      if (auto error =
              Put(pairing_.left[i], pairing_.pairs[at].output, step, many_.At(i, step), right, out))
        return error;
    }
    if (!fill_many_) return std::nullopt;
    const std::vector<bool> matched = matched_;
    for (std::uint32_t i = 0; i < one_.size(); ++i) {
      if (!one_.Has(i, step) || matched[pairing_.right[i]]) continue;
      if (auto error = Put(pairing_.right[i], pairing_.unmatched[i], step, Point{*fill_many_},
                           one_.At(i, step), out))
        return error;
    }
    return std::nullopt;
  }

  std::optional<Error> Put(std::uint32_t signature, std::uint32_t output, std::size_t step,
                           Point left, Point right, StepVector& out) {
    if (swapped_) std::swap(left, right);
    Element element = Combine(evaluator_, node_.op, left, right, expr_.where);
    if (!element.matched) return std::nullopt;
    if (OneToOne() && matched_[signature]) {
      return Error{
          "multiple matches for labels: many-to-one matching must be explicit "
          "(group_left/group_right)"};
    }
    matched_[signature] = true;
    if (!OneToOne() && pairing_.rivals[output] != kNone) {
      // Also where a comparison doesn't hold.
      if (rivals_seen_[pairing_.rivals[output]])
        return Error{"multiple matches for labels: grouping labels must ensure unique matches"};
      rivals_seen_[pairing_.rivals[output]] = true;
    }
    if (node_.return_bool) element.point = Point{element.keep ? 1.0 : 0.0};
    if (element.keep || node_.return_bool) out.Set(output, step, std::move(element.point));
    return std::nullopt;
  }

  Evaluator& evaluator_;
  const Expr& expr_;
  const Binary& node_;
  const VectorMatching& matching_;
  const bool swapped_;
  const StepVector &many_, &one_;
  const std::optional<double> fill_many_, fill_one_;
  const std::size_t steps_;
  Pairing& pairing_;
  std::vector<Symbol> include_;
  std::vector<LabelPair> labels_;
  std::vector<std::uint32_t> one_at_;  // by signature, at the current step
  std::vector<bool> matched_, rivals_seen_;
};

// Makes the elements absent whose signature is (or isn't) present on the other side.
void KeepWhere(StepVector& vector, const std::vector<std::uint32_t>& signatures,
               const StepVector& other, const std::vector<std::uint32_t>& other_signatures,
               std::size_t count, bool wanted) {
  std::vector<bool> present;
  for (std::size_t step = 0; step < vector.steps; ++step) {
    present.assign(count, false);
    for (std::size_t i = 0; i < other.size(); ++i) {
      if (other.Has(i, step)) present[other_signatures[i]] = true;
    }
    for (std::size_t i = 0; i < vector.size(); ++i) {
      if (vector.Has(i, step) && present[signatures[i]] != wanted) vector.Set(i, step, {});
    }
  }
}

// `or`: both sides, one behind the other.
struct Union : Signatures {
  Relabelling both;  // from the left side's series, then those of the right, to the result
};

StepVector Concatenated(const StepVector& lhs, const StepVector& rhs) {
  StepVector both;
  both.steps = lhs.steps;
  both.values = lhs.values;
  both.values.insert(both.values.end(), rhs.values.begin(), rhs.values.end());
  if (lhs.histograms.empty() && rhs.histograms.empty()) return both;
  both.histograms = lhs.histograms;
  both.histograms.resize(lhs.values.size());
  both.histograms.insert(both.histograms.end(), rhs.histograms.begin(), rhs.histograms.end());
  both.histograms.resize(both.values.size());
  return both;
}

}  // namespace

std::string Braces(const Labels& labels) {
  std::string text;
  for (const Label& label : labels)
    text += (text.empty() ? "" : ", ") + label.name + "=" + Quote(label.value);
  return "{" + text + "}";
}

Result<StepVector> EvaluateMatched(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                   const StepVector& lhs, const StepVector& rhs) {
  return Join(evaluator, expr, node, lhs, rhs).Run();
}

Result<StepVector> EvaluateSetOperator(Evaluator& evaluator, const Expr& expr, const Binary& node,
                                       StepVector lhs, StepVector rhs) {
  Union& memo = evaluator.MemoOf<Union>(expr);
  // One step's result may still be told apart by names that go later.
  const bool merge = !(evaluator.at_one_step() && evaluator.options().delayed_name_removal);
  if (!memo.Fits(lhs, rhs)) {
    memo.Make(*node.matching, lhs, rhs, evaluator.symbols());
    FrameBuilder both(evaluator.symbols());
    memo.both.to.clear();
    const auto add = [&](const Frame& frame) {
      for (std::size_t i = 0; i < frame.size(); ++i) {
        const bool drops = frame.DropsName(i);
        const std::size_t at =
            merge ? both.Insert(frame[i], drops).first : both.Add(frame[i], drops);
        memo.both.to.push_back(static_cast<std::uint32_t>(at));
      }
    };
    if (node.op == BinaryOp::kOr) {
      add(*lhs.frame);
      add(*rhs.frame);
    }
    if (both.size() == memo.both.to.size()) memo.both.to.clear();
    memo.both.frame = both.Finish();
  }
  if (node.op != BinaryOp::kOr) {
    KeepWhere(lhs, memo.left, rhs, memo.right, memo.count, node.op == BinaryOp::kAnd);
    return lhs;
  }
  KeepWhere(rhs, memo.right, lhs, memo.left, memo.count, false);
  return evaluator.Move(Concatenated(lhs, rhs), memo.both);
}

}  // namespace tierwatch::promql
