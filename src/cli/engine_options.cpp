#include "cli/engine_options.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/printable.h"
#include "cli/threads_choice.h"

namespace lupo::cli {

void add_engine_options(CLI::App& app, EngineOptions& options) {
  app.add_option("model,-m,--model", options.model, "path of a GGUF file")->required();
  app.add_option("-c,--ctx", options.n_ctx, "context in tokens; 0 chooses from the model and the free memory")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 31));
  const auto check_threads = [](const std::string& text) {
    const Result<ThreadsWanted> wanted = parse_threads(text);
    return wanted ? std::string() : wanted.error().what;
  };
  app.add_option("-t,--threads", options.threads,
                 "threads; 0 chooses from the cores and the cgroup quota, auto by trying, 1,2,4 the best of these")
      ->check(CLI::Validator(check_threads, ""));
  app.add_option("--kv-type", options.kv_type, "type of the KV cache: f32, f16, bf16, q8_0 or q4_0")->capture_default_str();
  app.add_option("--activations", options.activations,
                 "bits of the codes that activations are multiplied as: 8 everywhere, or auto: 16 where few tokens make a step")
      ->check(CLI::IsMember({"auto", "8"}))
      ->capture_default_str();
  app.add_option("--backend", options.backend, "cpu, or ref: plain loops, slow, for comparison")->capture_default_str();
}

namespace {

// All but the threads.
Result<RuntimeOptions> plain_options(const EngineOptions& options) {
  const TypeInfo* type = find_type(options.kv_type);
  if (type == nullptr)
    return fail(Layer::cli, "usage", fmt::format("--kv-type '{}' is no tensor type", printable(options.kv_type, 40)),
                "--kv-type with f32, f16, bf16, q8_0 or q4_0");
  return RuntimeOptions{.backend = options.backend,
                        .n_ctx = options.n_ctx,
                        .k_type = type->id,
                        .v_type = type->id,
                        .activations = options.activations == "8" ? ActivationBits::eight : ActivationBits::chosen};
}

}  // namespace

Result<RuntimeOptions> runtime_options(const EngineOptions& options) {
  TRY_ASSIGN(RuntimeOptions runtime, plain_options(options));
  TRY_ASSIGN(const ThreadsWanted wanted, parse_threads(options.threads));
  if (wanted.tries())
    return fail(Layer::cli, "usage",
                fmt::format("--threads {} is settled by running the model, which is not done here", options.threads),
                "--threads with a number  # lupo bench MODEL --threads auto finds the best");
  runtime.n_threads = wanted.counts.front();
  return runtime;
}

Result<RuntimeOptions> runtime_options(const EngineOptions& options, const Model& model, const Machine& machine) {
  TRY_ASSIGN(RuntimeOptions runtime, plain_options(options));
  TRY_ASSIGN(const ThreadsWanted wanted, parse_threads(options.threads));
  TRY(settle_threads(wanted, model, machine, runtime));
  return runtime;
}

Result<Machine> this_machine() { return probe(real_env()); }

Result<std::string> read_input(const std::string& path, std::string_view option) {
  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  const std::string name = path == "-" ? "standard input" : fmt::format("'{}'", printable(path, 400));
  const std::unique_ptr<std::FILE, Close> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (file == nullptr)
    return fail(Layer::cli, "file-missing", fmt::format("{}: {} cannot be opened: {}", option, name, std::strerror(errno)),
                fmt::format("{} with the path of a file that can be read, or - for standard input", option));
  std::string content;
  char buffer[1 << 16];  // bytes
  size_t n = 0;
  while ((n = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) content.append(buffer, n);
  if (std::ferror(file.get()))
    return fail(Layer::cli, "file-unreadable", fmt::format("{}: {} cannot be read: {}", option, name, std::strerror(errno)),
                fmt::format("{} with the path of a file, not of a folder", option));
  return content;
}

}  // namespace lupo::cli
