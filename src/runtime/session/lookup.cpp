// Prompt lookup: what followed the longest earlier occurrence of the text's last tokens comes again. Source: Saxena 2023.
#include <algorithm>

#include "runtime/session/speculation.h"

namespace lupo {
namespace {

class LookupProposer final : public Proposer {
 public:
  std::string_view name() const override { return "lookup"; }
  bool is_free() const override { return true; }

  // A scan of the text from its end: a nanosecond a token, where the model's step takes a millisecond at least.
  Result<void> begin(std::span<const TokenId> text, const Sampler&) override {
    next_.clear();
    n_same_ = 0;
    const int64_t last = std::ssize(text) - 1;
    int64_t from = 0;
    const auto at = [&](int64_t i) { return text[static_cast<size_t>(i)]; };
    for (int64_t end = last - 1; end >= 0 && n_same_ < kEvidences; --end) {
      int64_t n = 0;
      while (n < kEvidences && n <= end && at(end - n) == at(last - n)) ++n;
      if (n > n_same_) n_same_ = n, from = end + 1;
    }
    for (int64_t i = from; n_same_ > 0 && std::ssize(next_) < kProposalsMax; ++i)  // a period shorter than the proposals goes on
      next_.push_back(i <= last ? at(i) : next_[static_cast<size_t>(i - last - 1)]);
    n_given_ = 0;
    return {};
  }

  Result<std::optional<Proposal>> next() override {
    if (n_given_ == std::ssize(next_)) return std::nullopt;
    const int64_t n_same = std::min<int64_t>(n_same_ + n_given_, kEvidences);
    // A guess for texts of which nothing is known: 1/4 after one equal token, 3/4 after nine.
    const double expected = static_cast<double>(n_same) / static_cast<double>(n_same + 3);
    return Proposal{next_[static_cast<size_t>(n_given_++)], static_cast<int>(n_same) - 1, expected};
  }

 private:
  std::vector<TokenId> next_;  // at most kProposalsMax
  int64_t n_same_ = 0, n_given_ = 0;
};

}  // namespace

std::unique_ptr<Proposer> make_lookup_proposer() { return std::make_unique<LookupProposer>(); }

}  // namespace lupo
