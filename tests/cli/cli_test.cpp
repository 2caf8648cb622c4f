// Runs every case of tests/cli/*.test as a test of its own, named label/FILE.CASE; and shows that a wrong outcome is noticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/models.h"
#include "cli/script.h"
#include "test_folder.h"

namespace lupo::cli_test {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CliCase : public testing::Test {
 public:
  CliCase(std::string file, Case one) : file_(std::move(file)), case_(std::move(one)) {}

  void TestBody() override {
    for (const Model& model : kModels) {
      const fs::path path = model_path(model);
      setenv(model.variable, path.c_str(), 1);
      const std::vector<std::string> wanted = case_.models();
      if (std::find(wanted.begin(), wanted.end(), model.variable) != wanted.end()) {
        ASSERT_TRUE(fs::exists(path)) << path << " is missing; scripts/fetch-models.sh fetches it";
      }
    }
    const Outcome outcome = run();
    const std::string where = file_ + ":" + std::to_string(case_.line);
    for (const std::string& sentence : disagreements(case_, outcome)) {
      ADD_FAILURE() << where << " " << sentence << "\n$ " << case_.script << "stdout:\n"
                    << outcome.out << "stderr:\n"
                    << outcome.err;
    }
  }

 private:
  Outcome run() const {
    const TestFolder folder;
    const fs::path path = folder.path();
    fs::create_directory(path / "work");
    std::ofstream(path / "script") << case_.script;
    setenv("TESTS", LUPO_TESTS_DIR, 1);
    setenv("LUPO_STATE", (path / "state").c_str(), 1);  // a test's answers are no habits of the user's
    const std::string command = "cd '" + (path / "work").string() + "' && PATH='" + fs::path(LUPO_BINARY).parent_path().string() +
                                "':\"$PATH\" timeout --signal=KILL " + std::to_string(case_.seconds) +
                                " sh ../script >../out 2>../err </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(path / "out"), read(path / "err")};
  }

  std::string file_;
  Case case_;
};

// Registered before main, so that --gtest_list_tests names them.
const bool registered = [] {
  for (const auto& entry : fs::directory_iterator(fs::path(LUPO_TESTS_DIR) / "cli")) {
    if (entry.path().extension() != ".test") continue;
    const std::string file = entry.path().filename();
    std::string problem;
    for (const Case& one : parse_cases(read(entry.path()), problem)) {
      std::string name = one.name;
      std::replace(name.begin(), name.end(), ' ', '_');
      const std::string suite = (one.models().empty() ? "fast/" : "model/") + entry.path().stem().string();
      testing::RegisterTest(suite.c_str(), name.c_str(), nullptr, nullptr, file.c_str(), one.line,
                            [file, one]() -> testing::Test* { return new CliCase(file, one); });
    }
    if (!problem.empty()) {
      std::fprintf(stderr, "%s: %s", file.c_str(), problem.c_str());
      std::exit(2);
    }
  }
  return true;
}();

}  // namespace
}  // namespace lupo::cli_test
