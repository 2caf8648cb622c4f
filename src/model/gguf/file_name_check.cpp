// What the file's name promises against what its tensors are.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/printable.h"
#include "base/units.h"
#include "model/gguf/file_name.h"

namespace lupo::gguf {
namespace {

// The mixes whose bulk is not the type they are named after, as llama.cpp's quantizer fills them.
constexpr std::pair<std::string_view, std::array<Type, 2>> kMixes[] = {
    {"IQ2_S", {Type::iq2_xs, Type::iq2_s}},    {"IQ2_M", {Type::iq2_s, Type::iq2_s}},  {"IQ3_XS", {Type::iq3_s, Type::iq3_xxs}},
    {"IQ3_M", {Type::iq3_s, Type::iq3_s}},     {"FP16", {Type::f16, Type::f16}},       {"FP32", {Type::f32, Type::f32}},
    {"MXFP4_MOE", {Type::mxfp4, Type::mxfp4}}, {"Q4_0_4_4", {Type::q4_0, Type::q4_0}}, {"Q4_0_4_8", {Type::q4_0, Type::q4_0}},
    {"Q4_0_8_8", {Type::q4_0, Type::q4_0}},
};

// What general.file_type stands for (llama.cpp's enumeration of quantizer recipes); "" = removed or unknown.
constexpr std::string_view kFileTypes[] = {
    "F32",    "F16",     "Q4_0",   "Q4_1",   "",       "",          "",       "Q8_0",  "Q5_0",    "Q5_1",   "Q2_K",
    "Q3_K_S", "Q3_K_M",  "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S",    "Q5_K_M", "Q6_K",  "IQ2_XXS", "IQ2_XS", "Q2_K_S",
    "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",  "IQ3_M",     "IQ2_S",  "IQ2_M", "IQ4_XS",  "IQ1_M",  "BF16",
    "",       "",        "",       "TQ1_0",  "TQ2_0",  "MXFP4_MOE", "NVFP4",  "Q1_0",  "Q2_0"};

// The encoding that is claimed, and who claims it: the name, or else the metadata.
std::pair<std::string, std::string_view> claimed_encoding(const FileName& name, const File& file) {
  if (!name.encoding.empty()) return {name.encoding, "the name"};
  const auto file_type = file.metadata().integer("general.file_type", 0, std::ssize(kFileTypes) - 1);
  return {file_type ? std::string(kFileTypes[*file_type]) : "", "key general.file_type"};
}

struct Census {
  std::map<Type, int64_t> weights;  // number of values by type
  int64_t total = 0;

  void add(const TensorInfo& tensor) {
    const int64_t count = elements(tensor);
    weights[tensor.type] += count;
    total += count;
  }
  Type dominant() const {
    return std::ranges::max_element(weights, {}, [](const auto& entry) { return entry.second; })->first;
  }
  double share(Type type) const {
    const auto found = weights.find(type);
    return found == weights.end() ? 0 : static_cast<double>(found->second) / static_cast<double>(total);
  }
  std::string to_string() const {
    std::vector<std::pair<int64_t, Type>> sorted;
    for (const auto& [type, count] : weights) sorted.emplace_back(-count, type);
    std::ranges::sort(sorted);
    std::vector<std::string> parts;
    for (const auto& [count, type] : sorted) parts.push_back(fmt::format("{:.0f} % {}", 100 * share(type), type_info(type).name));
    return fmt::format("{}", fmt::join(parts, ", "));
  }
};

// The matrices of the blocks. Token embedding and output head get a type of their own in most mixes and are most of the weights
// of a small model, so they say nothing about the label; they count only where there is nothing else.
Census census(const File& file) {
  Census blocks, all;
  for (const TensorInfo& tensor : file.tensors()) {
    if (tensor.n_dims < 2) continue;
    all.add(tensor);
    if (tensor.name != "token_embd.weight" && tensor.name != "output.weight") blocks.add(tensor);
  }
  return blocks.total > 0 ? blocks : all;
}

// Weighed by number, not by bytes: the fat types of a mix (Q3_K_L: Q5_K in a third of the weights) would outweigh its bulk.
void check_types(const FileName& name, const File& file, std::vector<Finding>& findings) {
  const auto [encoding, claimant] = claimed_encoding(name, file);
  const std::vector<Type> nominal = nominal_types(encoding);
  const Census weights = census(file);
  if (nominal.empty() || weights.total == 0) return;
  const Type dominant = weights.dominant();
  if (std::ranges::find(nominal, dominant) != nominal.end()) return;
  const TypeInfo& promised = type_info(nominal[0]);
  int64_t unfit = 0;  // weights whose rows the promised type cannot hold
  for (const TensorInfo& tensor : file.tensors())
    if (tensor.n_dims >= 2 && tensor.dim[0] % promised.block_elements != 0) unfit += elements(tensor);
  std::string evidence = fmt::format("weights of the blocks: {}", weights.to_string());
  if (unfit > 0)
    evidence += fmt::format("; rows that are no multiple of {}'s {} values were given another type by the quantizer",
                            promised.name, promised.block_elements);
  findings.push_back({Layer::quantization, "label-type-mismatch", Severity::warning,
                      fmt::format("{} says {}, but most weights are {}", claimant, encoding, type_info(dominant).name), evidence,
                      0, fmt::format("lupo inspect {} --tensors", shell_word(file.path())), false});
}

// Labels round ("7B" stands for 6.7 to 8.5 billion) and small models differ by an untied output head, so only a factor counts.
void check_size(const FileName& name, const File& file, std::vector<Finding>& findings) {
  if (name.params_total == 0 || !name.type.empty()) return;
  constexpr double kLeast = 0.6, kMost = 1.6;
  constexpr double kLeastExperts = 0.4;  // experts share attention and embedding: Mixtral 8x7B is 0.83 of 56 billion
  int64_t counted = 0;
  for (const TensorInfo& tensor : file.tensors()) counted += elements(tensor);
  const double ratio = static_cast<double>(counted) / static_cast<double>(name.params_total);
  if (ratio >= (name.n_experts > 0 ? kLeastExperts : kLeast) && ratio <= kMost) return;
  findings.push_back(
      {Layer::model, "label-size-mismatch", Severity::warning,
       fmt::format("the name says {}, but the tensors hold {} parameters", printable(name.size_label, 64), format_count(counted)),
       fmt::format("{} counted, {} promised", counted, name.params_total), 0,
       fmt::format("lupo inspect {} --tensors", shell_word(file.path())), false});
}

void check_experts(const FileName& name, const File& file, std::vector<Finding>& findings) {
  if (name.n_experts == 0) return;
  const auto architecture = file.metadata().string("general.architecture");
  if (!architecture) return;
  const auto count = file.metadata().integer(fmt::format("{}.expert_count", *architecture), 0, INT32_MAX);
  if (!count || *count == name.n_experts) return;
  findings.push_back({Layer::model, "label-experts-mismatch", Severity::warning,
                      fmt::format("the name says {} experts, the model has {}", name.n_experts, *count),
                      fmt::format("{}.expert_count = {}", printable(*architecture, 64), *count), 0,
                      fmt::format("lupo inspect {} --keys", shell_word(file.path())), false});
}

}  // namespace

std::vector<Type> nominal_types(std::string_view encoding) {
  if (encoding.starts_with("UD-")) return {};  // chooses a type for each tensor: no type is promised
  if (encoding.starts_with("I1-")) encoding.remove_prefix(3);
  for (const auto& [label, types] : kMixes)
    if (label == encoding) return types[0] == types[1] ? std::vector{types[0]} : std::vector{types[0], types[1]};
  // "Q4_K_M" is named after Q4_K: drop suffixes until a type is left.
  for (std::string_view name = encoding; !name.empty(); name = name.substr(0, name.rfind('_') == name.npos ? 0 : name.rfind('_')))
    if (const TypeInfo* type = find_type(name)) return {type->id};
  return {};
}

std::vector<Finding> check_file_name(const FileName& name, const File& file) {
  std::vector<Finding> findings;
  check_types(name, file, findings);
  check_size(name, file, findings);
  check_experts(name, file, findings);
  return findings;
}

}  // namespace lupo::gguf
