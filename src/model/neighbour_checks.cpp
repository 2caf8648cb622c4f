#include "model/neighbour_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/printable.h"
#include "base/units.h"
#include "model/gguf/file_name.h"

namespace lupo {
namespace {

constexpr double kWideBits = 7.5;            // Q8_0 and more: what a larger model would need
constexpr double kFewBits = 3.5;             // fewer cost what more parameters give
constexpr double kMuchBigger = 1.4;          // parameters
constexpr double kSlowerAtMost = 0.6;        // of the present speed: a price that more parameters are worth
constexpr double kSlowTps = 20;              // below, speed is what one notices
constexpr double kAsLarge = 0.8;             // parameters of a mixture beside a dense model
constexpr double kClearlyFaster = 1.3;       // beyond the error of two predictions
constexpr double kNarrowBits = 4.5;          // Q4_0 and Q4_K at least
constexpr double kNarrower = 1.25;           // bytes a token, as wide-weights asks for
constexpr double kSameParams = 0.02;         // an output head that is tied or not, padding
constexpr int64_t kWorthMoreMin = 64 << 20;  // bytes of weights from which on memory is worth a thought

std::string letters_of(std::string_view text) {
  std::string letters;
  for (const char c : in_lower_case(text))
    if (std::isalnum(static_cast<unsigned char>(c))) letters += c;
  return letters;
}

double bits_of(const ModelChoice& choice) { return choice.bits_per_weight; }
double ratio(int64_t a, int64_t b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0; }

enum class Kinship : uint8_t { none, architecture, family };
Kinship kinship(const ModelChoice& a, const ModelChoice& b) {
  if (!a.names.family.empty() && a.names.family == b.names.family) return Kinship::family;
  return a.architecture == b.architecture ? Kinship::architecture : Kinship::none;
}

bool is_same_model(const ModelChoice& a, const ModelChoice& b) {
  const bool is_same_size = std::abs(ratio(a.params_total, b.params_total) - 1) <= kSameParams;
  const bool is_same_name = a.names.stem == b.names.stem || (!a.names.title.empty() && a.names.title == b.names.title);
  return is_same_size && is_same_name && a.architecture == b.architecture;
}

bool is_bigger(const ModelChoice& used, const ModelChoice& other) {
  return bits_of(used) >= kWideBits && bits_of(other) >= kFewBits && bits_of(other) < bits_of(used) &&
         ratio(other.params_total, used.params_total) >= kMuchBigger && kinship(used, other) != Kinship::none;
}

bool is_mixture_instead(const ModelChoice& used, const ModelChoice& other) {
  return !used.is_mixture && other.is_mixture && bits_of(other) >= kFewBits &&
         ratio(other.params_total, used.params_total) >= kAsLarge;
}

bool is_narrower(const ModelChoice& used, const ModelChoice& other) {
  return is_same_model(used, other) && bits_of(other) >= kNarrowBits &&
         ratio(used.bytes_per_token, other.bytes_per_token) >= kNarrower;
}

// How many times as fast: predicted, or by bytes alone.
Interval speedup(const ModelChoice& used, const ModelChoice& other) {
  if (used.decode_tps && other.decode_tps) return ratio_of(*other.decode_tps, *used.decode_tps);
  const double by_bytes = ratio(used.bytes_per_token, other.bytes_per_token);
  return {by_bytes, by_bytes, by_bytes};
}

bool is_told(const ModelChoice& used, const ModelChoice& other) { return used.decode_tps && other.decode_tps; }

std::string name_of(const ModelChoice& choice) { return printable(choice.path.substr(choice.path.rfind('/') + 1), 120); }

std::string in_words(const ModelChoice& choice) {
  const std::string active =
      choice.is_mixture ? fmt::format(" ({} take part in a token)", format_count(choice.params_active)) : "";
  const std::string speed = choice.decode_tps ? fmt::format("decode predicted {} tok/s", in_words(*choice.decode_tps))
                                              : fmt::format("reads {} for a token", format_bytes(choice.bytes_per_token));
  return fmt::format("{}: {} parameters{} at {:.2f} bits, {} of memory, {}", name_of(choice), format_count(choice.params_total),
                     active, choice.bits_per_weight, format_bytes(choice.total_bytes), speed);
}

std::string compared(const Neighbours& n, const ModelChoice& other) {
  const std::string measured = n.measured_tps > 0 ? fmt::format(", got {:.1f}", n.measured_tps) : "";
  return fmt::format("{}{}; {}, with a context of {}", in_words(n.used), measured, in_words(other), other.n_ctx);
}

// What was planned is what will run.
std::string command_for(const ModelChoice& choice) {
  const std::string context = choice.n_ctx == choice.n_ctx_train ? "" : fmt::format(" --ctx {}", choice.n_ctx);
  return fmt::format("lupo run {}{}", shell_word(choice.path), context);
}

Finding finding_of(const char* code, Severity severity, std::string what, const Neighbours& n, const ModelChoice& other) {
  Finding finding{Layer::model, code, severity, std::move(what), compared(n, other), 0, command_for(other)};
  const Interval faster = speedup(n.used, other);
  if (is_told(n.used, other) && faster.middle > 1) {
    finding.gain = faster.middle - 1;
    finding.gain_low = faster.low - 1;
    finding.gain_high = faster.high - 1;
  }
  return finding;
}

// Still fast enough to read along, or nearly as fast as now.
bool is_fast_enough(const Neighbours& n, const ModelChoice& other) {
  const double faster = speedup(n.used, other).middle;
  const double tps = other.decode_tps ? other.decode_tps->middle : n.measured_tps * faster;
  return tps >= kReadAlongTps || faster >= kSlowerAtMost;
}

// The one that knows most: parameters, then bits.
const ModelChoice* biggest_that_fits(const Neighbours& n) {
  const ModelChoice* best = nullptr;
  for (const ModelChoice& other : n.others) {
    if (!other.fits || !is_bigger(n.used, other) || !is_fast_enough(n, other)) continue;
    if (best == nullptr || std::pair(other.params_total, bits_of(other)) > std::pair(best->params_total, bits_of(*best)))
      best = &other;
  }
  return best;
}

bool is_slow(const Neighbours& n) {
  return (n.measured_tps > 0 && n.measured_tps < kSlowTps) || (n.used.decode_tps && n.used.decode_tps->middle < kSlowTps);
}

const ModelChoice* fastest_mixture(const Neighbours& n) {
  if (!is_slow(n) && !n.is_memory_bound) return nullptr;
  const ModelChoice* best = nullptr;
  double best_speedup = kClearlyFaster;
  for (const ModelChoice& other : n.others) {
    if (!other.fits || !is_mixture_instead(n.used, other)) continue;
    if (const double faster = speedup(n.used, other).middle; faster >= best_speedup) {
      best = &other;
      best_speedup = faster;
    }
  }
  return best;
}

// Nothing at hand is better; what could be, by arithmetic alone.
std::vector<Finding> check_alone(const Neighbours& n) {
  if (!n.used.fits || n.used.weight_bytes < kWorthMoreMin) return {};
  if (is_slow(n) && n.measured_tps > 0 && !n.used.is_mixture)
    return {{Layer::model, "mixture-possible", Severity::info,
             fmt::format("a mixture of experts as large would decode at up to {:.0f} tok/s: it reads about a tenth for a token",
                         10 * n.measured_tps),
             fmt::format("{} read for a token at {:.1f} tok/s; Qwen3-30B-A3B takes 3.3 of 30.5 B parameters for a token",
                         format_bytes(n.used.bytes_per_token), n.measured_tps),
             0, "lupo plan hf:OWNER/MIXTURE-GGUF  # before it is downloaded: whether it fits, and how fast it will be", false}};
  if (bits_of(n.used) < kWideBits) return {};
  const double params = static_cast<double>(n.used.weight_bytes) * 8 / kQ4KMBits;
  return {{Layer::model, "bigger-possible", Severity::info,
           fmt::format("the memory of these weights would hold a model of {} parameters at Q4_K_M, as fast as this one",
                       format_count(static_cast<int64_t>(params))),
           fmt::format("{} of weights: {} parameters at {:.2f} bits", format_bytes(n.used.weight_bytes),
                       format_count(n.used.params_total), n.used.bits_per_weight),
           0, "lupo plan hf:OWNER/LARGER-GGUF  # before it is downloaded: whether it fits, and how fast it will be", false}};
}

}  // namespace

ModelNames names_of(const gguf::Metadata& metadata, std::string_view path) {
  const std::string_view title = metadata.string("general.name").value_or("");
  std::string dashed(title);
  std::ranges::replace(dashed, ' ', '-');
  const gguf::FileName file = gguf::parse_file_name(path), named = gguf::parse_file_name(dashed);
  const auto basename = metadata.string("general.basename");
  return {.family = letters_of(basename        ? *basename
                               : title.empty() ? file.family
                                               : named.family),
          .title = letters_of(title),
          .stem = letters_of(file.family + file.size_label + file.fine_tune + file.version)};
}

bool is_alternative(const ModelChoice& used, const ModelChoice& other) {
  return used.answers == other.answers && other.fits &&
         (is_bigger(used, other) || is_mixture_instead(used, other) || is_narrower(used, other));
}

std::vector<Finding> check_neighbours(const Neighbours& n) {
  std::vector<Finding> findings;
  const ModelChoice* mixture = fastest_mixture(n);
  if (mixture != nullptr)
    findings.push_back(
        finding_of("moe-faster", is_slow(n) ? Severity::warning : Severity::info,
                   fmt::format("a mixture of experts beside this dense model is {}, and reads less for a token",
                               mixture->params_total >= n.used.params_total ? "as large or larger" : "nearly as large"),
                   n, *mixture));
  if (const ModelChoice* bigger = biggest_that_fits(n); bigger != nullptr && bigger != mixture) {
    const bool is_family = kinship(n.used, *bigger) == Kinship::family;
    findings.push_back(finding_of(
        "bigger-fits", is_family ? Severity::warning : Severity::info,
        fmt::format(
            "a larger model of the same {} fits at fewer bits, and usually answers better than a small one at high precision",
            is_family ? "family" : "architecture"),
        n, *bigger));
    findings.back().limits = findings.back().gain_low > 0;  // else one pays with speed, or may
  }
  return findings.empty() ? check_alone(n) : findings;
}

std::optional<NarrowerFile> narrower_at_hand(const Neighbours& n) {
  const ModelChoice* best = nullptr;
  const auto distance = [](const ModelChoice& choice) { return std::abs(bits_of(choice) - kQ4KMBits); };
  for (const ModelChoice& other : n.others)
    if (other.fits && is_narrower(n.used, other) && (best == nullptr || distance(other) < distance(*best))) best = &other;
  if (best == nullptr) return std::nullopt;
  NarrowerFile file{.evidence = in_words(*best), .fix = command_for(*best)};
  const Interval faster = speedup(n.used, *best);
  file.gain = faster.middle - 1;
  if (is_told(n.used, *best)) {
    file.gain_low = faster.low - 1;
    file.gain_high = faster.high - 1;
  }
  return file;
}

}  // namespace lupo
