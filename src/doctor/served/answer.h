// A JSON answer of a server, read field by field. Nothing in it is trusted: a field is absent, of the wanted type, or wrong, and
// the first wrong one is the error that `check` returns.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace lupo {

class Answer {
 public:
  using Path = std::initializer_list<std::string_view>;  // keys from the outside in

  // Errors {runtime, server-refuses} for a status that is not 200 … 299, with what the server said; {runtime, bad-answer} for
  // what is no JSON object or array. `where`: "/props".
  static Result<Answer> of(const std::string& where, const HttpAnswer& http);
  static Result<Answer> of_text(const std::string& where, const std::string& json);

  // Nothing when absent, null or wrong.
  std::optional<int64_t> count(Path path) const;  // 0 … 2^53
  std::optional<double> number(Path path) const;  // finite, not negative
  std::optional<bool> boolean(Path path) const;
  std::optional<std::string> text(Path path) const;  // valid UTF-8
  std::vector<Answer> list(Path path) const;         // of the first 1000 elements
  bool has(Path path) const;
  std::vector<std::string> keys(Path path) const;  // of an object

  // Error {runtime, bad-answer}: of the first field that was of another type than it should.
  Result<void> check() const;

 private:
  struct Shared;
  const nlohmann::ordered_json* find(Path path) const;
  void wrong(Path path, std::string_view wanted) const;
  std::shared_ptr<Shared> shared_;
  const nlohmann::ordered_json* node_ = nullptr;
};

// What is sent: one line, what is no UTF-8 replaced.
std::string dump(const nlohmann::ordered_json& json);

}  // namespace lupo
