#include "hardware/record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/printable.h"

namespace lupo {
namespace {

namespace fs = std::filesystem;

// Passes everything through and keeps the files that were read. One thread.
class RecordingEnv final : public Env {
 public:
  explicit RecordingEnv(const Env& env) : env_(env) {}
  std::optional<std::string> read_text(const std::string& path) const override {
    std::optional<std::string> text = env_.read_text(path);
    if (text) files_.insert({path, *text});
    return text;
  }
  std::vector<std::string> list(const std::string& directory) const override { return env_.list(directory); }
  std::optional<std::string> variable(const std::string& name) const override { return env_.variable(name); }
  std::vector<int> affinity() const override { return env_.affinity(); }

  const std::map<std::string, std::string>& files() const { return files_; }

 private:
  const Env& env_;
  mutable std::map<std::string, std::string> files_;
};

// "Serial : 10000000abcdef01" of a Raspberry Pi's /proc/cpuinfo names one machine of all.
std::string without_serial(const std::string& cpuinfo) {
  std::istringstream lines(cpuinfo);
  std::string kept;
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("Serial")) kept += line + "\n";
  return kept;
}

Result<void> write_file(const fs::path& path, const std::string& text) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  std::ofstream file(path, std::ios::binary);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file)
    return fail(Layer::hardware, "record-failed", fmt::format("'{}' cannot be written", printable(path.string(), 400)),
                "lupo hardware --record with a folder that can be written");
  return {};
}

}  // namespace

Result<Machine> record_machine(const Env& env, const std::string& driver_answers, const std::string& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error))
    return fail(Layer::hardware, "record-exists", fmt::format("'{}' is there and not empty", printable(folder, 400)),
                "lupo hardware --record with the name of a new folder");
  const RecordingEnv recording(env);
  TRY_ASSIGN(Machine machine, probe(recording, driver_answers));
  for (const auto& [path, text] : recording.files())
    TRY(write_file(folder + path, path == "/proc/cpuinfo" ? without_serial(text) : text));
  TRY(write_file(fs::path(folder) / "affinity", fmt::format("{}\n", fmt::join(env.affinity(), ","))));
  if (!driver_answers.empty()) TRY(write_file(fs::path(folder) / "drivers.json", driver_answers));
  return machine;
}

Result<Machine> replay_machine(const std::string& folder) {
  const RecordedEnv env(folder);
  return probe(env, env.read_text("/drivers.json").value_or(""));
}

}  // namespace lupo
