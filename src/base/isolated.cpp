#include "base/isolated.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPipe = 0;  // the child's only useful file: the pipe to the parent stands in for standard input

// Pages this process has mapped, 0 when that cannot be read.
int64_t mapped_bytes() {
  std::array<char, 64> text{};
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, text.data(), text.size());
  close(fd);
  int64_t pages = 0;
  if (n > 0) std::from_chars(text.data(), text.data() + n, pages);
  return pages * sysconf(_SC_PAGESIZE);
}

bool write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

void limit(const IsolationLimits& limits) {
  const auto bytes = static_cast<rlim_t>(mapped_bytes() + limits.memory_bytes_max);
  const rlimit memory{bytes, bytes}, none{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &none);
  const itimerval cpu{{0, 0}, {limits.cpu_ms_max / 1000, limits.cpu_ms_max % 1000 * 1000}};
  setitimer(ITIMER_PROF, &cpu, nullptr);
}

// What a fault means must not pass through handlers that were made for the parent.
void reset_signals() {
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGPROF, SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(int pipe, const std::function<std::string()>& work, const IsolationLimits& limits) {
  reset_signals();
  limit(limits);
  dup2(pipe, kPipe);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, 1);
  dup2(null, 2);
  close_range(3, UINT_MAX, 0);
  try {
    const std::string output = work();
    const uint64_t size = output.size();
    const bool sent =
        write_all(kPipe, reinterpret_cast<const char*>(&size), sizeof(size)) && write_all(kPipe, output.data(), output.size());
    _exit(sent ? 0 : 1);
  } catch (const std::bad_alloc&) {
    raise(SIGABRT);
  }
  _exit(1);
}

// Reads the child's message; false when it ends early or the time is up.
bool receive(int fd, Clock::time_point deadline, std::string& output) {
  std::string bytes;
  uint64_t wanted = sizeof(wanted);
  std::array<char, 1 << 16> chunk;
  while (bytes.size() < wanted) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.append(chunk.data(), static_cast<size_t>(n));
    if (bytes.size() >= sizeof(uint64_t) && wanted == sizeof(uint64_t)) {
      uint64_t size = 0;
      std::memcpy(&size, bytes.data(), sizeof(size));
      wanted += size;
    }
  }
  output = bytes.substr(sizeof(uint64_t));
  return true;
}

IsolatedEnd end_of(int status) {
  if (!WIFSIGNALED(status)) return IsolatedEnd::out_of_time;
  switch (WTERMSIG(status)) {
    case SIGABRT: return IsolatedEnd::out_of_memory;
    case SIGSEGV:
    case SIGBUS: return IsolatedEnd::out_of_stack;
    default: return IsolatedEnd::out_of_time;
  }
}

}  // namespace

IsolatedResult run_isolated(const std::function<std::string()>& work, const IsolationLimits& limits) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {IsolatedEnd::not_started, {}};
  const pid_t child = fork();
  if (child == 0) run_child(ends[1], work, limits);
  close(ends[1]);
  IsolatedResult result{IsolatedEnd::not_started, {}};
  if (child > 0) {
    const bool complete = receive(ends[0], Clock::now() + std::chrono::milliseconds(limits.wall_ms_max), result.output);
    if (complete) result.end = IsolatedEnd::done;
    // After an early end of the pipe the child is dying by its own signal; one that still runs is out of time.
    int status = 0;
    pid_t waited = 0;
    if (!complete) {
      pollfd hung{ends[0], POLLIN, 0};
      const bool closed = poll(&hung, 1, 0) > 0;
      if (!closed) kill(child, SIGKILL);
    }
    do waited = waitpid(child, &status, 0);
    while (waited < 0 && errno == EINTR);
    if (!complete) result.end = waited == child ? end_of(status) : IsolatedEnd::out_of_time;
  }
  close(ends[0]);
  return result;
}

}  // namespace lupo
