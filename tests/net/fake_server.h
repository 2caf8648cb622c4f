// A scripted HTTP server on the loopback address, in a thread of the test: canned replies by path, and the ways in which a reply
// can go wrong.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace lupo {

struct Reply {
  std::string body{};
  int status = 200;
  size_t sent = std::string::npos;  // bytes of the body that are sent before the connection closes
  double delay_s = 0;               // before the head, and with `pieces` before each
  size_t pieces = 1;                // the body comes in so many parts
  bool endless = false;             // the body is sent again and again
  std::string head{};               // instead of the usual one
  bool ranges = false;              // a field Range gets the part that it asks for, with status 206
  std::string fields{};             // more lines of the head, each with its CRLF
  std::string etag{};               // a field If-None-Match that is equal gets 304
};

class FakeServer {
 public:
  // Of several replies for a path the next is given each time, the last for ever. Other paths: 404.
  explicit FakeServer(std::map<std::string, std::vector<Reply>> replies) : replies_(std::move(replies)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 8) != 0) std::abort();
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // "POST /api/show {…}", in their order.
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // The heads of these, as they came.
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  // All bytes that went out, heads included.
  size_t bytes_sent() const { return bytes_sent_; }
  // What is said from now on.
  void set(const std::string& path, Reply reply) {
    const std::lock_guard lock(mutex_);
    replies_[path] = {std::move(reply)};
  }

 private:
  bool readable(int socket) const {
    pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
    return poll(&one, 1, 20) > 0;
  }

  void serve() {
    while (!stop_) {
      if (!readable(listener_)) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      answer(client);
      close(client);
    }
  }

  std::string read_request(int client) const {
    std::string request;
    for (char chunk[4096]; !stop_;) {
      const size_t head_end = request.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const size_t at = request.find("Content-Length: ");
        const size_t body = at < head_end ? std::strtoull(request.c_str() + at + 16, nullptr, 10) : 0;
        if (request.size() >= head_end + 4 + body) break;
      }
      if (!readable(client)) continue;
      const ssize_t n = recv(client, chunk, sizeof chunk, 0);
      if (n <= 0) break;
      request.append(chunk, static_cast<size_t>(n));
    }
    return request;
  }

  // Ends early when the client gives up: the next one need not wait for what nobody wants.
  void wait(int client, double seconds) const {
    const auto left = [client] {
      char byte;
      return recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    };
    for (double slept = 0; slept < seconds && !stop_ && !left(); slept += 0.005)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  bool send_all(int client, std::string_view text) const {
    while (!text.empty() && !stop_) {
      const ssize_t n = send(client, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes_sent_ += static_cast<size_t>(n);
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  Reply next_reply(const std::string& request) {
    const std::lock_guard lock(mutex_);
    const size_t path_at = request.find(' ') + 1, path_end = request.find(' ', path_at), body = request.find("\r\n\r\n");
    if (path_end == std::string::npos || body == std::string::npos) return {.status = 400};
    requests_.push_back(request.substr(0, path_end) + " " + request.substr(body + 4));
    heads_.push_back(request.substr(0, body + 2));
    const auto found = replies_.find(request.substr(path_at, path_end - path_at));
    if (found == replies_.end()) return {.body = R"({"error":"not found"})", .status = 404};
    Reply reply = found->second.front();
    if (found->second.size() > 1) found->second.erase(found->second.begin());
    condition(heads_.back(), reply);
    return reply;
  }

  static std::string field(const std::string& head, const std::string& name) {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }

  // What RFC 9110 makes of If-None-Match and Range.
  static void condition(const std::string& request, Reply& reply) {
    if (!reply.etag.empty()) reply.fields += "ETag: " + reply.etag + "\r\n";
    if (!reply.etag.empty() && field(request, "If-None-Match") == reply.etag) {
      reply.status = 304;
      reply.body.clear();
      return;
    }
    const std::string range = field(request, "Range");  // "bytes=0-99"
    if (!reply.ranges || !range.starts_with("bytes=")) return;
    const size_t total = reply.body.size(), first = std::strtoull(range.c_str() + 6, nullptr, 10);
    const size_t last = std::min<size_t>(total - 1, std::strtoull(range.c_str() + range.find('-') + 1, nullptr, 10));
    if (first > last) {
      reply = {.status = 416};
      return;
    }
    reply.status = 206;
    reply.fields +=
        "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(total) + "\r\n";
    reply.body = reply.body.substr(first, last - first + 1);
  }

  void answer(int client) {
    const Reply reply = next_reply(read_request(client));
    if (reply.pieces == 1) wait(client, reply.delay_s);
    const std::string length = reply.endless ? "" : "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
    const std::string head =
        "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n" + length + reply.fields + "Connection: close\r\n\r\n";
    if (!send_all(client, reply.head.empty() ? head : reply.head)) return;
    while (reply.endless && send_all(client, reply.body) && !stop_) {
    }
    const std::string_view body = std::string_view(reply.body).substr(0, reply.sent);
    const size_t step = (body.size() + reply.pieces - 1) / std::max<size_t>(1, reply.pieces);
    for (size_t at = 0; at < body.size() && !reply.endless; at += step) {
      if (reply.pieces > 1) wait(client, reply.delay_s);
      if (!send_all(client, body.substr(at, step))) return;
    }
  }

  std::map<std::string, std::vector<Reply>> replies_;
  std::vector<std::string> requests_, heads_;
  mutable std::atomic<size_t> bytes_sent_ = 0;
  mutable std::mutex mutex_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  int listener_ = -1, port_ = 0;
};

}  // namespace lupo
