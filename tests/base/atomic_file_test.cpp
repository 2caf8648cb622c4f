#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "test_folder.h"

namespace lupo {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

size_t files_in(const TestFolder& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(AtomicFile, AppearsOnCommitOnly) {
  const TestFolder folder;
  const std::string path = folder.path("out");
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->write(bytes_of("hello ")).has_value());
  EXPECT_TRUE(file->write(bytes_of("world")).has_value());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(file->bytes_written(), 11);
  EXPECT_TRUE(file->commit().has_value());
  EXPECT_EQ(read(path), "hello world");
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(AtomicFile, WithoutCommitTheOldContentStays) {
  const TestFolder folder;
  const std::string path = folder.path("out");
  std::ofstream(path) << "old";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.has_value());
    EXPECT_TRUE(file->write(bytes_of("new")).has_value());
    const AtomicFile moved = std::move(*file);
    EXPECT_EQ(read(moved.temporary_path()), "new");
  }
  EXPECT_EQ(read(path), "old");
  EXPECT_EQ(files_in(folder), 1u);
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file && file->write(bytes_of("new")) && file->commit());
  EXPECT_EQ(read(path), "new");
}

TEST(AtomicFile, FailsBeforeItStartsWhenTheDiskIsTooSmall) {
  const TestFolder folder;
  const auto file = AtomicFile::create(folder.path("out"), int64_t{1} << 60);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, "disk-full");
  EXPECT_NE(file.error().what.find("1152921504606846976"), std::string::npos) << file.error().what;
  EXPECT_EQ(files_in(folder), 0u);
}

TEST(AtomicFile, NoFolderIsAnError) {
  const auto file = AtomicFile::create("/nonexistent-folder/out");
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, "write-failed");
}

TEST(AtomicFile, CommitOverAFolderFailsAndRemovesTheTemporaryFile) {
  const TestFolder folder;
  std::filesystem::create_directory(folder.path("out"));
  auto file = AtomicFile::create(folder.path("out"));
  ASSERT_TRUE(file && file->write(bytes_of("x")));
  const auto committed = file->commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(files_in(folder), 1u);
}

// A limit on file size stands for a full disk: the kernel writes what fits (a short write) and then refuses.
TEST(AtomicFile, AWriteThatDoesNotFitIsReportedWithNumbersAndLeavesNothing) {
  const TestFolder folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(10);
    auto file = AtomicFile::create(folder.path("out"));
    if (!file) _exit(11);
    const auto written = file->write(bytes_of(std::string(1500, 'x')));
    if (written || written.error().code != "disk-full") _exit(12);
    const std::string& what = written.error().what;
    if (what.find("500 more bytes") == what.npos || what.find("after 1000 bytes") == what.npos) _exit(13);
    file.value().~AtomicFile();
    _exit(files_in(folder) == 0 ? 0 : 14);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace lupo
