// Session::save and restore. The format is of this machine and version: numbers as they lie in memory.
//
//   Header, tokens I32 [n_tokens], then of each state tensor in the graph's order: the slot's bytes, of a cache of policy append
//   the first n_tokens cells of each head alone.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/fnv.h"
#include "runtime/session/session.h"

namespace lupo {
namespace {

constexpr uint64_t kMagic = 0x31657461'7473706c;  // "lpstate1"

struct Header {
  uint64_t magic = kMagic;
  uint64_t model = 0;  // digest()
  int64_t n_tokens = 0, deepest = 0;
};

// FNV-1a over what makes states of one model unreadable for another: names, types and shapes, and the first row of each weight,
// which tells two fine-tunes of one model apart. The sizes that the request chose are left out: N of a cache, S, checkpoints; a
// ring's bytes tell its N.
uint64_t digest(const Engine& engine) {
  const Graph& graph = engine.graph();
  Fnv1a hash;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.life != Life::weight && tensor.life != Life::state) continue;
    Shape shape = tensor.shape;
    if (tensor.life == Life::state) shape.dim[3] = 1;
    if (tensor.policy == StatePolicy::append || tensor.policy == StatePolicy::ring) shape.dim[1] = 1;
    hash.add(tensor.name);
    hash.add(fmt::format(" {} {} {} {};", type_info(tensor.type).name, to_string(shape), static_cast<int>(tensor.policy),
                    tensor.first_row));
    if (tensor.life != Life::weight) continue;
    const auto row = static_cast<size_t>(row_bytes(tensor.type, tensor.shape.dim[0]));
    hash.add(std::span(reinterpret_cast<const uint8_t*>(engine.model().weight(graph, static_cast<TensorId>(i))), row));
  }
  return hash.value();
}

// The pieces of a slot's bytes that are saved.
template <class Piece>
void each_piece(const Graph& graph, const Tensor& tensor, std::span<std::byte> slot, int64_t n_tokens, Piece piece) {
  if (tensor.policy != StatePolicy::append) return piece(slot);
  const int64_t n_heads = tensor.shape.dim[2], bytes = std::ssize(slot) / n_heads;
  const int64_t kept = bytes / graph.n_ctx * n_tokens;
  for (int64_t g = 0; g < n_heads; ++g) piece(slot.subspan(static_cast<size_t>(g * bytes), static_cast<size_t>(kept)));
}

}  // namespace

std::span<std::byte> Session::state_of_slot(TensorId id) const {
  const Tensor& tensor = engine_.graph()[id];
  const std::span<std::byte> all = engine_.program().state(id);
  const size_t bytes = all.size() / static_cast<size_t>(tensor.shape.dim[3]);
  return all.subspan(static_cast<size_t>(slot_) * bytes, bytes);
}

std::vector<std::byte> Session::save() const {
  const Graph& graph = engine_.graph();
  std::vector<std::byte> out;
  const auto put = [&out](std::span<const std::byte> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); };
  const Header header{.model = digest(engine_), .n_tokens = std::ssize(tokens_), .deepest = deepest_};
  put(std::as_bytes(std::span(&header, 1)));
  put(std::as_bytes(std::span(tokens_)));
  for (size_t i = 0; i < graph.tensors.size(); ++i)
    if (graph.tensors[i].life == Life::state)
      each_piece(graph, graph.tensors[i], state_of_slot(static_cast<TensorId>(i)), header.n_tokens, put);
  return out;
}

Result<void> Session::restore(std::span<const std::byte> saved) {
  const Graph& graph = engine_.graph();
  const auto refuse = [](std::string what) {
    return fail(Layer::runtime, "other-state", std::move(what), "save the state again with this model and these options");
  };
  Header header;
  if (saved.size() < sizeof header) return refuse(fmt::format("a saved state of {} bytes", saved.size()));
  std::memcpy(&header, saved.data(), sizeof header);
  if (header.magic != kMagic) return refuse("these bytes are no saved state of this version");
  if (header.model != digest(engine_)) return refuse("the state was saved of another model or with other cache types");
  if (header.n_tokens < 0 || header.n_tokens > graph.n_ctx || header.deepest < header.n_tokens)
    return refuse(fmt::format("the saved state holds {} tokens, the context {}", header.n_tokens, graph.n_ctx));
  size_t expected = sizeof header + static_cast<size_t>(header.n_tokens) * sizeof(TokenId);
  const auto each = [&](auto piece) {
    for (size_t i = 0; i < graph.tensors.size(); ++i)
      if (graph.tensors[i].life == Life::state)
        each_piece(graph, graph.tensors[i], state_of_slot(static_cast<TensorId>(i)), header.n_tokens, piece);
  };
  each([&](std::span<std::byte> bytes) { expected += bytes.size(); });
  if (saved.size() != expected) return refuse(fmt::format("a saved state of {} bytes, wanted {}", saved.size(), expected));
  std::vector<TokenId> tokens(static_cast<size_t>(header.n_tokens));
  saved = saved.subspan(sizeof header);
  std::memcpy(tokens.data(), saved.data(), tokens.size() * sizeof(TokenId));
  saved = saved.subspan(tokens.size() * sizeof(TokenId));
  clear();
  each([&](std::span<std::byte> bytes) {
    std::memcpy(bytes.data(), saved.data(), bytes.size());
    saved = saved.subspan(bytes.size());
  });
  tokens_ = std::move(tokens);
  deepest_ = header.deepest;
  return {};
}

}  // namespace lupo
