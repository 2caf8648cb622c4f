// A hub on the loopback address: the list of a repository's files and the files, which it lends from another host as real ones
// do.
#pragma once

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "net/fake_server.h"

namespace lupo {

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// An entry of the list as the hub sends it. LFS files have a hash of their content there.
inline nlohmann::json hub_entry(const std::string& path, size_t size, const std::string& hash) {
  return {{"type", "file"},
          {"oid", "0123456789012345678901234567890123456789"},
          {"size", size},
          {"path", path},
          {"lfs", {{"oid", hash}, {"size", size}, {"pointerSize", 134}}}};
}

class FakeHub {
 public:
  static constexpr const char* kRepository = "maker/tiny-GGUF";

  explicit FakeHub(const std::map<std::string, std::string>& files) : storage_(stored(files)), front_(replies(files)) {}

  std::string url() const { return front_.url(); }
  FakeServer& front() { return front_; }
  FakeServer& storage() { return storage_; }

  static std::string list_path(const std::string& revision = "main") {
    return std::string("/api/models/") + kRepository + "/tree/" + revision + "?recursive=true";
  }
  static std::string file_path(const std::string& name) { return std::string("/") + kRepository + "/resolve/main/" + name; }

 private:
  using Replies = std::map<std::string, std::vector<Reply>>;

  static Replies stored(const std::map<std::string, std::string>& files) {
    Replies replies;
    for (const auto& [name, bytes] : files) replies["/" + name] = {{.body = bytes, .ranges = true, .etag = "\"" + name + "\""}};
    return replies;
  }
  Replies replies(const std::map<std::string, std::string>& files) const {
    Replies replies;
    nlohmann::json list = {{{"type", "directory"}, {"oid", "0"}, {"size", 0}, {"path", "folder"}}};
    for (const auto& [name, bytes] : files) {
      list.push_back(hub_entry(name, bytes.size(), "hash of " + name));
      replies[file_path(name)] = {{.head = "HTTP/1.1 302 X\r\nLocation: " + storage_.url() + "/" + name +
                                           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}};
    }
    replies[list_path()] = {{.body = list.dump()}};
    return replies;
  }

  FakeServer storage_, front_;
};

}  // namespace lupo
