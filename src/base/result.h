// Result<T> and Error: how every layer reports a failure that a user or a file caused.
// Own bugs use assert(); nothing here throws. Thread-safe: plain values.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace lupo {

// The five layers a local model can be stuck on, and `cli` for wrong usage.
enum class Layer { hardware, memory, runtime, model, quantization, cli };

std::string_view layer_name(Layer layer);

// One failure: printed as `error[layer/code]: what` and `fix: …`.
struct Error {
  Layer layer;
  std::string code;  // short kebab-case name, stable: scripts may test for it
  std::string what;  // one sentence with the field, the value found and the value wanted
  std::string fix;   // what to do, best as a command line
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Layer layer, std::string code, std::string what, std::string fix) {
  return std::unexpected<Error>(Error{layer, std::move(code), std::move(what), std::move(fix)});
}

}  // namespace lupo

#define LUPO_CONCAT_(a, b) a##b
#define LUPO_CONCAT(a, b) LUPO_CONCAT_(a, b)

// TRY(expr): returns the error of a Result<void> to the caller.
#define TRY(expr)                                                                                        \
  do {                                                                                                   \
    if (auto try_result_ = (expr); !try_result_) return std::unexpected(std::move(try_result_.error())); \
  } while (0)

// TRY_ASSIGN(auto x, expr): declares or assigns x from a Result<T>, or returns its error.
#define TRY_ASSIGN(target, expr) TRY_ASSIGN_IMPL_(target, expr, LUPO_CONCAT(try_assign_, __LINE__))
#define TRY_ASSIGN_IMPL_(target, expr, name)                  \
  auto name = (expr);                                         \
  if (!name) return std::unexpected(std::move(name.error())); \
  target = std::move(*name)
