#include "base/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "test_folder.h"

namespace lupo {
namespace {

constexpr size_t kPage = 4096;

class MappedFileTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = folder.path(name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string code(const std::string& path) {
    const auto file = MappedFile::open(path);
    if (file) return "opened";
    EXPECT_EQ(file.error().layer, Layer::model);
    EXPECT_NE(file.error().what.find(path), std::string::npos) << file.error().what;
    return file.error().code;
  }
  TestFolder folder;
};

uint64_t sum(std::span<const std::byte> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), uint64_t{0},
                         [](uint64_t s, std::byte b) { return s + static_cast<uint8_t>(b); });
}

TEST_F(MappedFileTest, GivesTheBytes) {
  const auto file = MappedFile::open(write("a", "lupo"));
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()), "lupo");
  EXPECT_TRUE(file->check_intact().has_value());
  file->advise_sequential(0, 4);
  file->advise_willneed(2, SIZE_MAX);
  file->advise_willneed(100, 1);
}

TEST_F(MappedFileTest, RefusesWhatIsNoRegularFile) {
  EXPECT_EQ(code(folder.path("absent")), "file-missing");
  EXPECT_EQ(code(write("empty", "")), "file-empty");
  EXPECT_EQ(code(folder.path()), "file-kind");
  EXPECT_EQ(code("/dev/zero"), "file-kind");
  const std::string fifo = folder.path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(code(fifo), "file-kind");  // and does not wait for a writer
  const std::string path = folder.path("socket");
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(code(path), "file-kind");
  close(fd);
  EXPECT_FALSE(MappedFile::open(std::string("/dev/null\0x", 11)).has_value());
}

TEST_F(MappedFileTest, TruncatedWhileMappedReadsZerosAndIsReported) {
  const std::string path = write("a", std::string(8 * kPage, '\x01'));
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(sum(file->bytes()), 8 * kPage);
  ASSERT_EQ(truncate(path.c_str(), 2 * kPage), 0);
  EXPECT_EQ(sum(file->bytes()), 2 * kPage);  // would be SIGBUS
  const auto intact = file->check_intact();
  ASSERT_FALSE(intact.has_value());
  EXPECT_EQ(intact.error().code, "file-truncated");
  // It stays damaged even when the file grows again: what was read in between is wrong.
  ASSERT_EQ(truncate(path.c_str(), 8 * kPage), 0);
  EXPECT_FALSE(file->check_intact().has_value());
  const MappedFile moved = std::move(*file);
  EXPECT_FALSE(moved.check_intact().has_value());
}

TEST_F(MappedFileTest, TruncationInsideAPageIsReportedToo) {
  const std::string path = write("a", std::string(kPage, '\x01'));
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file.has_value());
  ASSERT_EQ(truncate(path.c_str(), 100), 0);  // no SIGBUS: the rest of the page reads as zeros
  EXPECT_EQ(sum(file->bytes()), 100u);
  EXPECT_FALSE(file->check_intact().has_value());
}

TEST_F(MappedFileTest, ManyThreadsHitTheMissingPages) {
  const std::string path = write("a", std::string(512 * kPage, '\x01'));
  const auto file = MappedFile::open(path);
  const auto other = MappedFile::open(write("b", std::string(4 * kPage, '\x02')));
  ASSERT_TRUE(file.has_value() && other.has_value());
  ASSERT_EQ(truncate(path.c_str(), kPage), 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (size_t page = t; page < 512; page += 8) sum(file->bytes().subspan((511 - page) * kPage, kPage));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum(file->bytes()), kPage);
  EXPECT_FALSE(file->check_intact().has_value());
  EXPECT_TRUE(other->check_intact().has_value());
}

// The process that makes its own SIGBUS dies of it, with lupo's handler installed.
// GoogleTest runs suites of this name first: the children fork from a process that has no handler yet.
using MappedFileDeathTest = MappedFileTest;

TEST_F(MappedFileDeathTest, ForeignSigbusKeepsItsDefaultAction) {
  const std::string path = write("a", std::string(2 * kPage, '\x01'));
  const auto fault = [&] {
    std::signal(SIGBUS, SIG_DFL);  // not the sanitizer's handler
    const auto ours = MappedFile::open(write("b", "b"));
    const int fd = open(path.c_str(), O_RDWR);
    auto* data = static_cast<volatile char*>(mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd, 0));
    if (!ours || ftruncate(fd, 0) != 0) _exit(1);
    _exit(data[kPage] ? 2 : 3);
  };
  const auto sent = [&] {
    std::signal(SIGBUS, SIG_DFL);
    const auto ours = MappedFile::open(write("b", "b"));
    raise(SIGBUS);
    _exit(1);
  };
  EXPECT_EXIT(fault(), ::testing::KilledBySignal(SIGBUS), "");
  EXPECT_EXIT(sent(), ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(MappedFileTest, TheNumberOfMappingsIsLimitedByAnError) {
  const std::string path = write("a", "x");
  std::vector<MappedFile> files;
  std::string last;
  for (int i = 0; i < 1100 && last.empty(); ++i) {
    auto file = MappedFile::open(path);
    if (file)
      files.push_back(std::move(*file));
    else
      last = file.error().code;
  }
  EXPECT_EQ(last, "file-unreadable");
  files.clear();
  EXPECT_TRUE(MappedFile::open(path).has_value());
}

}  // namespace
}  // namespace lupo
