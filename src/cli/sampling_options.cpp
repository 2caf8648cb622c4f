#include "cli/sampling_options.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <random>

#include "base/printable.h"

namespace lupo::cli {
namespace {

std::optional<double> parse_number(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <class T>
bool parse_whole(const std::string& text, T& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size();
}

// "ID+BIAS" or "ID-BIAS"; the sign is the bias's own.
Result<std::pair<TokenId, float>> parse_bias(const std::string& text) {
  TokenId id = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  const std::string rest(end, static_cast<size_t>(text.data() + text.size() - end));
  const auto bias = rest.starts_with('+') ? parse_number(rest.substr(1)) : parse_number(rest);
  if (problem != std::errc() || rest.empty() || (rest[0] != '+' && rest[0] != '-') || !bias || std::isnan(*bias))
    return fail(Layer::cli, "usage", fmt::format("--logit-bias '{}' is not ID+BIAS or ID-BIAS", printable(text, 40)),
                "--logit-bias 15043+1.5 or --logit-bias 15043-inf");
  return std::pair(id, static_cast<float>(*bias));
}

}  // namespace

void add_sampling_options(CLI::App& app, SamplingFlags& flags) {
  app.add_option("--temp,--temperature", flags.temperature, "0 is greedy (default 0.8)");
  app.add_option("--top-k", flags.top_k, "keep the K best; 0 keeps all (40)");
  app.add_option("--top-p", flags.top_p, "keep the smallest set with this probability (0.95)");
  app.add_option("--min-p", flags.min_p, "drop what is less probable than this share of the best (0.05)");
  app.add_option("--typical", flags.typical_p, "locally typical sampling (1 = off)");
  app.add_option("--repeat-penalty", flags.repeat_penalty, "1 = off");
  app.add_option("--repeat-last-n", flags.penalty_last_n, "recent tokens that penalties look at; -1 = all (64)");
  app.add_option("--frequency-penalty", flags.frequency_penalty, "0 = off");
  app.add_option("--presence-penalty", flags.presence_penalty, "0 = off");
  app.add_option("--logit-bias", flags.logit_bias, "ID+BIAS or ID-BIAS, may be repeated");
  app.add_option("-s,--seed", flags.seed, "the same seed gives the same text");
}

Result<SamplingOptions> sampling_options(const SamplingFlags& flags, const gguf::Metadata& metadata,
                                         std::vector<std::string>& notes) {
  SamplingOptions options;
  TRY(apply_model_defaults(metadata, options, notes));
  options.temperature = flags.temperature.value_or(options.temperature);
  options.top_k = flags.top_k.value_or(options.top_k);
  options.top_p = flags.top_p.value_or(options.top_p);
  options.min_p = flags.min_p.value_or(options.min_p);
  options.typical_p = flags.typical_p.value_or(options.typical_p);
  options.repeat_penalty = flags.repeat_penalty.value_or(options.repeat_penalty);
  options.penalty_last_n = flags.penalty_last_n.value_or(options.penalty_last_n);
  options.frequency_penalty = flags.frequency_penalty.value_or(options.frequency_penalty);
  options.presence_penalty = flags.presence_penalty.value_or(options.presence_penalty);
  options.seed = flags.seed ? *flags.seed : std::random_device{}();
  for (const std::string& text : flags.logit_bias) {
    TRY_ASSIGN(const auto bias, parse_bias(text));
    options.logit_bias.push_back(bias);
  }
  TRY(check(options));
  return options;
}

Result<void> set_sampling(SamplingOptions& options, const std::string& name, const std::string& value) {
  struct Entry {
    std::string_view name;
    float SamplingOptions::*real;
    int32_t SamplingOptions::*whole;
  };
  using S = SamplingOptions;
  static constexpr std::array entries = {Entry{"temp", &S::temperature, nullptr},
                                         Entry{"top-k", nullptr, &S::top_k},
                                         Entry{"top-p", &S::top_p, nullptr},
                                         Entry{"min-p", &S::min_p, nullptr},
                                         Entry{"typical", &S::typical_p, nullptr},
                                         Entry{"repeat-penalty", &S::repeat_penalty, nullptr},
                                         Entry{"repeat-last-n", nullptr, &S::penalty_last_n},
                                         Entry{"frequency-penalty", &S::frequency_penalty, nullptr},
                                         Entry{"presence-penalty", &S::presence_penalty, nullptr}};
  const auto refuse = [&](const char* why, const char* example) {
    return fail(Layer::cli, "usage", fmt::format("{} '{}' is {}", printable(name, 40), printable(value, 40), why),
                fmt::format("/set {} {}", printable(name, 40), example));
  };
  SamplingOptions changed = options;
  bool known = name == "seed";
  if (known && !parse_whole(value, changed.seed)) return refuse("no whole number in range", "40");
  std::vector<std::string_view> names = {"seed", "system"};
  for (const Entry& entry : entries) {
    names.push_back(entry.name);
    if (entry.name != name) continue;
    known = true;
    if (entry.whole != nullptr && !parse_whole(value, changed.*entry.whole)) return refuse("no whole number in range", "40");
    if (entry.real == nullptr) continue;
    const std::optional<double> number = parse_number(value);
    if (!number) return refuse("no number", "0.7");
    changed.*entry.real = static_cast<float>(*number);
  }
  if (!known)
    return fail(Layer::cli, "usage", fmt::format("there is no setting '{}'", printable(name, 40)),
                fmt::format("/set {} VALUE", did_you_mean(name, names).empty() ? "temp" : did_you_mean(name, names)));
  TRY(check(changed));
  options = changed;
  return {};
}

std::string describe(const SamplingOptions& options) {
  if (options.temperature <= 0) return "greedy";
  std::string text = fmt::format("temp {:g}, top-k {}, top-p {:g}, min-p {:g}", options.temperature, options.top_k, options.top_p,
                                 options.min_p);
  if (options.typical_p < 1) text += fmt::format(", typical {:g}", options.typical_p);
  if (options.repeat_penalty != 1)
    text += fmt::format(", repeat-penalty {:g} over {}", options.repeat_penalty, options.penalty_last_n);
  if (options.frequency_penalty != 0) text += fmt::format(", frequency-penalty {:g}", options.frequency_penalty);
  if (options.presence_penalty != 0) text += fmt::format(", presence-penalty {:g}", options.presence_penalty);
  return text + fmt::format(", seed {}", options.seed);
}

}  // namespace lupo::cli
