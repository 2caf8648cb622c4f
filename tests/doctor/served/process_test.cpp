#include "doctor/served/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "net/fake_server.h"
#include "test_folder.h"

namespace lupo {
namespace {

using namespace std::string_literals;

using testing::ElementsAre;
using testing::IsEmpty;

ServerFlags flags_of(std::vector<std::string> arguments, const std::map<std::string, std::string>& variables = {}) {
  return parse_flags(arguments, variables);
}

// A /proc of a test's own.
class Proc {
 public:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_.path("proc/" + path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void link(const std::string& path, const std::string& target) const {
    const std::filesystem::path file = folder_.path("proc/" + path);
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
  }
  void process(int pid, int parent, const std::vector<std::string>& arguments) const {
    std::string line;
    for (const std::string& argument : arguments) line += argument + '\0';
    const std::string folder = std::to_string(pid) + "/";
    write(folder + "cmdline", line);
    write(folder + "stat",
          std::to_string(pid) + " (llama) server)) S " + std::to_string(parent) + " 1 1 0 -1 4194304 9 0 77 0 1 2");
  }
  RecordedEnv env() const { return RecordedEnv(folder_.path()); }

 private:
  TestFolder folder_;
};

constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n"
    "   1: 0100007F:2CAB 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";

TEST(ServerFlags, ShortLongAndVariables) {
  const ServerFlags flags = flags_of({"llama-server", "-m", "/m.gguf", "-c", "8192", "-ngl", "20", "-t", "4", "-np", "2", "-fa",
                                      "off", "-ctk", "q8_0", "--cache-type-v", "f32", "--no-jinja", "--no-mmap"});
  EXPECT_EQ(flags.model, "/m.gguf");
  EXPECT_EQ(flags.n_ctx, 8192);
  EXPECT_EQ(flags.n_gpu_layers, 20);
  EXPECT_EQ(flags.n_threads, 4);
  EXPECT_EQ(flags.n_slots, 2);
  EXPECT_EQ(flags.flash_attention, "off");
  EXPECT_EQ(flags.k_type, "q8_0");
  EXPECT_EQ(flags.v_type, "f32");
  EXPECT_EQ(flags.jinja, false);
  EXPECT_EQ(flags.mmap, false);
  EXPECT_EQ(flags_of({"s"}, {{"LLAMA_ARG_CTX_SIZE", "99"}}).n_ctx, 99);
  EXPECT_EQ(flags_of({"s", "-c", "1", "-c", "2"}).n_ctx, 2) << "the last counts";
}

TEST(ServerFlags, OddOnes) {
  EXPECT_EQ(flags_of({"s", "-fa", "-c", "1"}).flash_attention, "on") << "once a flag alone";
  EXPECT_EQ(flags_of({"s", "-fa"}).flash_attention, "on");
  EXPECT_EQ(flags_of({"s", "--flash-attn", "auto"}).flash_attention, "auto");
  EXPECT_EQ(flags_of({"s", "-ngl", "all"}).n_gpu_layers, std::nullopt);
  EXPECT_EQ(flags_of({"s", "-t", "-1"}).n_threads, std::nullopt);
  EXPECT_EQ(flags_of({"s", "-c", "99999999999999999999"}).n_ctx, std::nullopt);
  EXPECT_EQ(flags_of({"s", "-c", "12x"}).n_ctx, std::nullopt);
  EXPECT_EQ(flags_of({"s", "-c"}).n_ctx, std::nullopt);
  EXPECT_EQ(flags_of({}).n_ctx, std::nullopt);
  EXPECT_EQ(flags_of({"s", "--load-mode", "none"}).mmap, false);
}

TEST(ServerProcess, ListenerAndWhatIsSeenOfIt) {
  const Proc proc;
  proc.write("net/tcp", kTcp);
  proc.link("12/fd/3", "/dev/null");
  proc.link("34/fd/7", "socket:[4711]");
  proc.process(34, 1, {"llama-server", "-c", "4096"});
  proc.write("34/environ", "SECRET=x\0LLAMA_ARG_THREADS=3\0OLLAMA_KV_CACHE_TYPE=q8_0\0"s);
  proc.write("34/smaps_rollup", "1-2 ---p [rollup]\nRss:  2048 kB\nSwap:   4 kB\nSwapPss: 1 kB\n");
  proc.write("34/maps", "7f-80 r--p 00000000 08:01 5 /usr/lib/x.so\n7f-80 r--s 00000000 08:01 5   /models/a b.gguf\n");
  const RecordedEnv env = proc.env();
  EXPECT_EQ(listener_on(env, 0x2CAA), 34);
  EXPECT_EQ(listener_on(env, 0x2CAB), 0) << "a connection is no listener";
  EXPECT_EQ(listener_on(env, 80), 0);
  const auto process = look_at_process(env, 34);
  ASSERT_TRUE(process);
  EXPECT_THAT(process->arguments, ElementsAre("llama-server", "-c", "4096"));
  EXPECT_EQ(process->variables.size(), 2u) << "others are nobody's business";
  EXPECT_EQ(process->flags.n_threads, 3);
  EXPECT_EQ(process->resident_bytes, 2048 * 1024);
  EXPECT_EQ(process->swapped_bytes, 4 * 1024);
  EXPECT_EQ(process->major_faults, 77);
  EXPECT_EQ(process->mapped_model, "/models/a b.gguf");
}

TEST(ServerProcess, WhatMayNotBeReadIsUnknown) {
  const Proc proc;
  proc.write("34/stat", "34 (x");
  proc.write("34/status", "Name: x\nVmRSS:\t  10 kB\nVmSwap:\t 0 kB\n");
  const auto process = look_at_process(proc.env(), 34);
  ASSERT_TRUE(process);
  EXPECT_THAT(process->arguments, IsEmpty());
  EXPECT_EQ(process->major_faults, std::nullopt);
  EXPECT_EQ(process->resident_bytes, 10 * 1024);
  EXPECT_FALSE(look_at_process(proc.env(), 35));
  EXPECT_FALSE(look_at_process(proc.env(), 0));
}

TEST(ServerProcess, RunnerOfOllama) {
  const Proc proc;
  proc.process(10, 1, {"ollama", "serve"});
  proc.process(11, 10, {"llama-server", "--model", "/blobs/sha256-a", "-c", "4096"});
  EXPECT_EQ(runner_of(proc.env(), 10, ""), 11);
  proc.process(12, 10, {"llama-server", "--model", "/blobs/sha256-b"});
  proc.process(13, 1, {"llama-server", "--model", "/blobs/sha256-c"});
  EXPECT_EQ(runner_of(proc.env(), 10, ""), 0) << "two: which?";
  EXPECT_EQ(runner_of(proc.env(), 10, "/blobs/sha256-b"), 12);
  EXPECT_EQ(runner_of(proc.env(), 10, "/blobs/sha256-c"), 0) << "another's child";
}

TEST(ServerProcess, SecretsAreNotKept) {
  const Proc proc;
  proc.process(5, 1, {"llama-server", "--api-key", "sesame", "-c", "1"});
  proc.write("5/environ", "OLLAMA_API_KEY=sesame\0OLLAMA_HOST=KEY\0"s);
  const auto process = look_at_process(proc.env(), 5);
  EXPECT_THAT(process->arguments, ElementsAre("llama-server", "--api-key", "(hidden)", "-c", "1"));
  EXPECT_EQ(process->variables.size(), 1u);
  EXPECT_EQ(process->flags.n_ctx, 1);
}

TEST(ServerProcess, Forwarders) {
  const auto of = [](const char* first) { return forwarder_of(ServerProcess{.pid = 1, .arguments = {first}}); };
  EXPECT_EQ(of("/usr/bin/docker-proxy"), Forwarder::on_this_machine);
  for (const char* name : {"ssh", "/usr/bin/ssh", "ssh: control [mux]", "nginx: master process /usr/sbin/nginx"})
    EXPECT_EQ(of(name), Forwarder::anywhere) << name;
  for (const char* name : {"llama-server", "/usr/bin/ollama", "python3", "", "/"}) EXPECT_EQ(of(name), Forwarder::none) << name;
  EXPECT_EQ(forwarder_of({}), Forwarder::none);
}

TEST(ServerProcess, BrokenTables) {
  for (const char* table :
       {"", "\n\n", "0: :: :: 0A", "0: x:zz 0:0 0A 0 0 0 0 0 1", "   0: 0100007F:2CAA 0:0 0A 0 0 0 0 0 0 1"}) {
    const Proc proc;
    proc.write("net/tcp", table);
    EXPECT_EQ(listener_on(proc.env(), 0x2CAA), 0) << table;
  }
}

TEST(ServerProcess, ThisProcessForReal) {
  const FakeServer server({});
  EXPECT_EQ(listener_on(real_env(), server.port()), getpid());
  const auto process = look_at_process(real_env(), getpid());
  ASSERT_TRUE(process);
  EXPECT_FALSE(process->arguments.empty());
  EXPECT_GT(process->resident_bytes.value_or(0), 0);
}

}  // namespace
}  // namespace lupo
