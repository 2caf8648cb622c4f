// A model ready to generate, with what speculates for it: what `run` and a server load.
//
// Model and draft are planned together: the draft's bytes are taken from the free memory before the context of the model is
// chosen. The draft has threads of its own, which sleep while the model's run. Models must outlive their engines, and engines the
// speculators.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/session/draft.h"

namespace lupo {

enum class Speculate : uint8_t {
  automatic,  // with the draft where there is one, else by lookup, and off while that does not pay
  off,
  ngram,  // by lookup, whether it pays or not
  draft,  // with the draft, whether it pays or not
};
inline constexpr std::array<const char*, 4> kSpeculateNames = {"auto", "off", "ngram", "draft"};  // in the order of the enum
std::optional<Speculate> find_speculate(std::string_view name);

struct Engines {
  std::unique_ptr<Engine> engine, draft;  // draft: null where there is none
  Speculate mode = Speculate::off;        // off where the model has no way
  std::vector<std::string> decisions;     // of all engines and of speculation, each with its reason

  // Of one slot; null where mode is off.
  std::unique_ptr<Speculator> speculator(int32_t slot = 0) const;
};

// Errors: those of Engine::load and check_draft; {runtime, cannot-speculate} where ngram or draft is asked for and the model or
// the draft has a state of fixed size, which cannot take a proposal back (automatic: off, and a decision says so);
// {runtime, no-draft} for draft without one.
Result<Engines> load_engines(const Model& model, const Model* draft, const Machine& machine, RuntimeOptions options,
                             Speculate mode);

}  // namespace lupo
