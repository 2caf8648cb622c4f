#include "base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace lupo {
namespace {

// The mappings alive in this process. The SIGBUS handler reads them, so there is neither a lock nor an allocation: a slot is
// claimed by setting `used`, valid while end != 0, and freed in the reverse order.
struct Slot {
  std::atomic<bool> used{false};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};  // rounded up to a page
  std::atomic<bool> damaged{false};
};
std::array<Slot, 1024> slots;  // the shards of the largest split models are some hundreds

struct sigaction previous_action;
uintptr_t page_bytes = 4096;

// Replaces what is left of the mapping by zero pages: a file is cut at its end, so the pages behind a missing one are missing
// too, and one replacement keeps the number of kernel mappings small.
bool cover(Slot& slot, uintptr_t fault, uintptr_t end) {
  const uintptr_t page = fault & ~(page_bytes - 1);
  slot.damaged.store(true, std::memory_order_release);
  return mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const uintptr_t fault = reinterpret_cast<uintptr_t>(info->si_addr);
  if (info->si_code > 0) {  // raised by the kernel for an access, not sent by a process
    for (Slot& slot : slots) {
      const uintptr_t end = slot.end.load(std::memory_order_acquire), begin = slot.begin.load(std::memory_order_acquire);
      if (end != slot.end.load(std::memory_order_acquire)) continue;  // just being freed: not the mapping that faulted
      if (fault < begin || fault >= end || !cover(slot, fault, end)) continue;
      errno = saved_errno;
      return;
    }
  }
  if (previous_action.sa_flags & SA_SIGINFO) return previous_action.sa_sigaction(signal, info, context);
  if (previous_action.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) return previous_action.sa_handler(signal);
  std::signal(SIGBUS, SIG_DFL);  // the access repeats and ends the process as if lupo had no handler
  if (info->si_code <= 0) std::raise(SIGBUS);
}

bool install_handler() {
  page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, nullptr, &previous_action) == 0 && sigaction(SIGBUS, &action, nullptr) == 0;
}

Slot* claim_slot(const void* data, size_t length) {
  static const bool installed = install_handler();
  if (!installed) return nullptr;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(data);
  for (Slot& slot : slots) {
    bool expected = false;
    if (!slot.used.compare_exchange_strong(expected, true)) continue;
    slot.damaged.store(false);
    slot.begin.store(begin);
    slot.end.store((begin + length + page_bytes - 1) & ~(page_bytes - 1), std::memory_order_release);
    return &slot;
  }
  return nullptr;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string_view kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

std::unexpected<Error> open_failure(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return fail(Layer::model, "file-missing", fmt::format("{}: no such file", path), "check the path, or list the folder: ls -l");
  if (error == EACCES || error == EPERM)
    return fail(Layer::model, "file-denied", fmt::format("{}: permission denied", path), fmt::format("chmod +r '{}'", path));
  // A socket cannot be opened at all (ENXIO); everything else names the system's reason.
  if (error == ENXIO)
    return fail(Layer::model, "file-kind", fmt::format("{}: is a socket, not a regular file", path), "give a file");
  return fail(Layer::model, "file-unreadable", fmt::format("{}: cannot be opened: {}", path, std::strerror(error)),
              "check the disk and the path");
}

Result<size_t> regular_size(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return fail(Layer::model, "file-unreadable", fmt::format("{}: fstat failed: {}", path, std::strerror(errno)),
                "check the disk");
  if (!S_ISREG(status.st_mode))
    return fail(Layer::model, "file-kind", fmt::format("{}: is {}, not a regular file", path, kind_name(status.st_mode)),
                "give a file");
  if (status.st_size <= 0)
    return fail(Layer::model, "file-empty", fmt::format("{}: the file is empty (0 bytes)", path), "download it again");
  return static_cast<size_t>(status.st_size);
}

}  // namespace

struct MappedFile::State {
  State(std::string path_, int fd_) : path(std::move(path_)), fd(fd_) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (slot) {
      slot->end.store(0);
      slot->begin.store(0);
    }
    if (data) munmap(data, length);
    if (slot) slot->used.store(false, std::memory_order_release);
  }

  std::string path;
  Descriptor fd;  // kept open: check_intact() compares the size now with the size then
  void* data = nullptr;
  size_t length = 0;
  Slot* slot = nullptr;
};

MappedFile::MappedFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
MappedFile::MappedFile(MappedFile&&) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&&) noexcept = default;
MappedFile::~MappedFile() = default;

Result<MappedFile> MappedFile::open(const std::string& path) {
  // A path with a NUL inside would name another file than the one shown.
  if (path.find('\0') != std::string::npos) return open_failure(path, ENOENT);
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (fd.get() < 0) return open_failure(path, errno);
  TRY_ASSIGN(const size_t length, regular_size(fd.get(), path));

  auto state = std::make_unique<State>(path, fd.release());
  void* data = mmap(nullptr, length, PROT_READ, MAP_SHARED, state->fd.get(), 0);
  if (data == MAP_FAILED)
    return fail(Layer::model, "file-unreadable",
                fmt::format("{}: mapping {} bytes failed: {}", path, length, std::strerror(errno)),
                "check the limits of address space: ulimit -v");
  state->data = data;
  state->length = length;
  state->slot = claim_slot(data, length);
  if (!state->slot)
    return fail(Layer::model, "file-unreadable", fmt::format("{}: more than {} files are mapped at once", path, slots.size()),
                "close other models first");
  TRY_ASSIGN(const size_t length_now, regular_size(state->fd.get(), path));
  if (length_now != length)
    return fail(Layer::model, "file-changed",
                fmt::format("{}: was {} bytes when opened and is {} bytes now", path, length, length_now),
                "wait until it is written completely, then try again");
  return MappedFile(std::move(state));
}

const std::string& MappedFile::path() const { return state_->path; }

std::span<const std::byte> MappedFile::bytes() const { return {static_cast<const std::byte*>(state_->data), state_->length}; }

Result<void> MappedFile::check_intact() const {
  struct stat status;
  const bool shrunk = fstat(state_->fd.get(), &status) != 0 || static_cast<size_t>(status.st_size) < state_->length;
  if (!shrunk && !state_->slot->damaged.load(std::memory_order_acquire)) return {};
  return fail(
      Layer::model, "file-truncated",
      fmt::format("{}: {} bytes were mapped, but the file was cut or became unreadable while it was in use (now {} bytes)",
                  state_->path, state_->length, status.st_size),
      "restore the file and start again");
}

namespace {

void advise(std::span<const std::byte> bytes, size_t offset, size_t length, int advice) {
  if (offset >= bytes.size()) return;
  length = std::min(length, bytes.size() - offset);
  const uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data() + offset) & ~(page_bytes - 1);
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + offset + length);
  madvise(reinterpret_cast<void*>(begin), end - begin, advice);  // a hint: its failure changes nothing
}

}  // namespace

void MappedFile::advise_sequential(size_t offset, size_t length) const { advise(bytes(), offset, length, MADV_SEQUENTIAL); }

void MappedFile::advise_willneed(size_t offset, size_t length) const { advise(bytes(), offset, length, MADV_WILLNEED); }

}  // namespace lupo
