// One attention: keys and values of the step go into their cells, then tasks of (sequence, group of heads, tile of queries or
// part of the keys) are handed out. A group is the query heads of one KV head, or a share of them where these are many.
#include <algorithm>
#include <cstring>

#include "runtime/backend/cpu/program.h"

namespace lupo::cpu {
namespace {

constexpr int64_t kPartKeysMin = 256;  // a part of the keys shorter than this is not worth its merge

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

class AttendPhase {
 public:
  AttendPhase(const StepContext& context, const Phase& phase, int thread)
      : context_(context),
        phase_(phase),
        node_(context.node(phase.nodes.front())),
        at_(std::get<AttendAttrs>(node_.attrs)),
        n_rep_(heads_at_once(at_)),
        n_groups_(at_.n_head / n_rep_),
        tile_tokens_(kTileRows / n_rep_),
        width_(padded_width(at_.head_dim)),
        thread_(thread),
        is_few_(context.execution.n_tokens() < kFewTokens) {
    float* scratch = reinterpret_cast<float*>(context.thread_scratch(thread));
    q_ = scratch;
    head_[0] = q_ + std::max(kTileRows, padded_rows(n_rep_)) * width_;
    head_[1] = head_[0] + width_;
    kernel_scratch_ = head_[1] + width_;
    slopes_ = kernel_scratch_ + std::max(tile_scratch_floats(at_.head_dim, at_.head_dim_v), stream_scratch_floats());
    source_q_ = source(phase.q_chain, node_.in[0]);
    source_k_ = source(phase.k_chain, node_.in[1]);
  }

  void run() {
    count_work();
    if (stores_first_) {
      store_all();
      context_.pool.barrier([this] { context_.next.store(0, std::memory_order_relaxed); });
    }
    for (int64_t task; (task = context_.next.fetch_add(1, std::memory_order_relaxed)) < n_tile_tasks_ + n_stream_tasks_;) {
      // The last tiles of a sequence see the most keys: they go first, so that all threads end together.
      if (task < n_tile_tasks_)
        run_tile(n_tile_tasks_ - 1 - task);
      else
        run_stream(task - n_tile_tasks_);
    }
  }

 private:
  const float* source(const std::vector<int32_t>& chain, TensorId operand) const {
    return context_.execution.f32(chain.empty() ? operand : context_.node(chain.front()).in[0]);
  }

  // Calls use(sequence, row) for each sequence and its first row of the batch, until that gives true. With chunks a sequence is
  // cut where they begin, so that all tokens of a piece see the same first key.
  template <class Use>
  void each_piece(Use use) const {
    const int64_t chunk = at_.is_chunked ? at_.window : 0;
    int64_t row = 0;
    for (StepSequence s : context_.execution.step.sequences)
      for (int32_t left = s.n_tokens; left > 0; s.pos += s.n_tokens, row += s.n_tokens, left -= s.n_tokens) {
        s.n_tokens = chunk > 0 ? static_cast<int32_t>(std::min<int64_t>(left, chunk - s.pos % chunk)) : left;
        if (use(s, row)) return;
      }
  }

  // Few tokens are streamed, so that each has the bits that it has alone; speculation relies on it.
  bool is_streamed(const StepSequence& s) const { return s.n_tokens < kFewTokens; }
  int64_t n_tiles(const StepSequence& s) const { return is_streamed(s) ? 0 : ceil_div(s.n_tokens, tile_tokens_); }
  bool has_cache() const { return node_.in[3] != kNone; }
  int64_t key_end(const StepSequence& s, int64_t token) const { return at_.keys_end(s.pos + token, s.pos + s.n_tokens); }
  int64_t key_begin(const StepSequence& s, int64_t token) const { return at_.first_key(s.pos + token); }
  int64_t n_keys(const StepSequence& s, int64_t token) const { return key_end(s, token) - key_begin(s, token); }
  // Keys of a part where n_streamed pairs of token and group have n_keys in all; 0: nothing is split.
  int64_t part_of(int64_t n_streamed, int64_t n_keys) const {
    const int64_t tasks_wanted = kPartsPerThread * context_.pool.size();
    if (n_streamed >= tasks_wanted || context_.pool.size() == 1) return 0;
    return std::max(kPartKeysMin, ceil_div(n_keys, tasks_wanted));
  }
  // In a step of few tokens each one's keys are cut as if it were alone.
  int64_t part_keys(const StepSequence& s, int64_t token) const {
    return is_few_ ? part_of(n_groups_, n_keys(s, token) * n_groups_) : part_keys_;
  }
  // Parts that one streamed token's keys are cut into.
  int64_t n_parts(const StepSequence& s, int64_t token) const {
    const int64_t part = part_keys(s, token);
    return part == 0 ? 1 : ceil_div(n_keys(s, token), part);
  }

  void count_work() {
    int64_t n_streamed = 0, all_keys = 0;
    for (const StepSequence& s : context_.execution.step.sequences)
      stores_first_ |=
          has_cache() && (s.n_tokens > 1 || n_groups_ > at_.n_kv_head) && (node_.in[1] != kNone || node_.in[2] != kNone);
    each_piece([&](const StepSequence& s, int64_t) {
      n_tile_tasks_ += n_tiles(s) * n_groups_;
      if (!is_streamed(s)) return false;
      n_streamed += s.n_tokens * n_groups_;
      for (int64_t i = 0; i < s.n_tokens; ++i) all_keys += n_keys(s, i) * n_groups_;
      return false;
    });
    part_keys_ = part_of(n_streamed, all_keys);
    each_piece([&](const StepSequence& s, int64_t) {
      for (int64_t i = 0; is_streamed(s) && i < s.n_tokens; ++i) n_stream_tasks_ += n_parts(s, i) * n_groups_;
      return false;
    });
  }

  // The first `width` values of the cells of one KV head.
  Cells cells(TensorId id, int64_t slot, int64_t kv_head, int64_t width) const {
    const Tensor& cache = context_.tensor(id);
    const int64_t n_cells = cache.shape.dim[1], bytes = row_bytes(cache.type, cache.shape.dim[0]);
    return {context_.execution.bytes(id) + (slot * at_.n_kv_head + kv_head) * n_cells * bytes, cache.type, width, bytes, n_cells};
  }
  // Without a cache the rows of the step are the cells: those of a sequence, which begins at position 0 and at `row` of the
  // batch.
  Cells rows(TensorId id, const StepSequence& s, int64_t row, int64_t kv_head, int64_t width) const {
    const int64_t row_width = at_.n_kv_head * width;
    const float* first = context_.execution.f32(id) + row * row_width + kv_head * width;
    return {reinterpret_cast<const std::byte*>(first), Type::f32, width, row_width * static_cast<int64_t>(sizeof(float)),
            s.n_tokens};
  }
  Cells keys(const StepSequence& s, int64_t row, int64_t kv_head) const {
    return has_cache() ? cells(node_.in[3], s.slot, kv_head, at_.head_dim) : rows(node_.in[1], s, row, kv_head, at_.head_dim);
  }
  Cells values(const StepSequence& s, int64_t row, int64_t kv_head) const {
    if (!has_cache()) return rows(node_.in[2], s, row, kv_head, at_.head_dim_v);
    return cells(node_.in[node_.in[4] == kNone ? 3 : 4], s.slot, kv_head, at_.head_dim_v);
  }

  // The head after its chain: in one of the two head buffers, or where it was.
  const float* prepare(const std::vector<int32_t>& chain, int64_t row, const float* head) {
    int into = 0;
    for (int32_t node : chain) {
      run_head(context_, node, row, head, head_[into]);
      head = head_[into];
      into = 1 - into;
    }
    return head;
  }

  void store_cell(const float* x, const Cells& into, int64_t position) {
    std::byte* cell = const_cast<std::byte*>(into.data) + position % into.n_cells * into.cell_bytes;
    if (type_info(into.type).block_elements == 1)
      context_.kernels.attend.store(x, into.width, into.type, cell);
    else
      type_info(into.type).from_float(x, nullptr, cell, into.width);
  }

  // Key and value of one token and KV head, at row `row` of the batch.
  void store(const StepSequence& s, int64_t row, int64_t token, int64_t kv_head) {
    if (node_.in[1] != kNone) {
      const float* k = prepare(phase_.k_chain, row, source_k_ + (row * at_.n_kv_head + kv_head) * at_.head_dim);
      store_cell(k, keys(s, row - token, kv_head), s.pos + token);
    }
    if (node_.in[2] != kNone) {
      const float* v = context_.execution.f32(node_.in[2]) + (row * at_.n_kv_head + kv_head) * at_.head_dim_v;
      store_cell(v, values(s, row - token, kv_head), s.pos + token);
    }
  }

  void store_all() {
    constexpr int64_t kTokensAtOnce = 8;
    const int64_t n_tokens = context_.execution.n_tokens();
    for (int64_t begin; (begin = context_.next.fetch_add(kTokensAtOnce, std::memory_order_relaxed)) < n_tokens;) {
      int64_t row = 0;
      for (const StepSequence& s : context_.execution.step.sequences) {
        const int64_t first = std::max<int64_t>(0, begin - row),
                      last = std::min<int64_t>(s.n_tokens, begin + kTokensAtOnce - row);
        for (int64_t token = first; token < last; ++token)
          for (int64_t g = 0; g < at_.n_kv_head; ++g) store(s, row + token, token, g);
        row += s.n_tokens;
      }
    }
  }

  // Rows of q for the heads of group g and n_tokens tokens from batch row `row` on: [Dp, n_tokens · R], scaled.
  void load_q(int64_t row, int64_t n_tokens, int64_t g) {
    const float scale = at_.softcap > 0 ? at_.scale / at_.softcap : at_.scale;
    float* q = q_;
    for (int64_t i = 0; i < n_tokens; ++i)
      for (int64_t r = 0; r < n_rep_; ++r, q += width_) {
        const float* head =
            prepare(phase_.q_chain, row + i, source_q_ + ((row + i) * at_.n_head + g * n_rep_ + r) * at_.head_dim);
        context_.kernels.vector.scale(head, scale, q, at_.head_dim);
        std::fill(q + at_.head_dim, q + width_, 0.0f);
      }
    if (n_tokens == 1) std::fill(q, q_ + padded_rows(n_rep_) * width_, 0.0f);
  }

  // Tokens of a sequence from `token` on, the first at batch row `row`.
  AttendTask task(const StepSequence& s, int64_t row, int64_t token, int64_t n_tokens, int64_t g) {
    const float* sinks = context_.execution.f32(node_.in[5]);
    const int64_t kv_head = g * at_.n_kv_head / n_groups_;
    for (int64_t r = 0; at_.alibi > 0 && r < n_rep_; ++r) slopes_[r] = alibi_slope(at_, g * n_rep_ + r);
    // A window around a token is the causal window of a token half of it further on.
    const bool is_around = !at_.causal && at_.window > 0;
    const int64_t half = is_around ? at_.window / 2 : 0;
    return {.k = keys(s, row - token, kv_head),
            .v = values(s, row - token, kv_head),
            .q = q_,
            .n_rows = n_tokens * n_rep_,
            .n_rep = n_rep_,
            .pos = s.pos + token + half,
            .key_begin = key_begin(s, token),
            .key_end = key_end(s, token + n_tokens - 1),
            .window = is_around        ? 2 * half + 1
                      : at_.is_chunked ? 0
                                       : at_.window,  // of a chunk key_begin says it all
            .softcap = at_.softcap,
            .causal = at_.causal || is_around,
            .sinks = sinks == nullptr ? nullptr : sinks + g * n_rep_,
            .slopes = at_.alibi > 0 ? slopes_ : nullptr};
  }

  float* output(int64_t row, int64_t g) const {
    return context_.execution.f32(node_.out) + (row * at_.n_head + g * n_rep_) * at_.head_dim_v;
  }

  void run_tile(int64_t index) {
    each_piece([&](const StepSequence& s, int64_t row) {
      const int64_t n = n_tiles(s) * n_groups_;
      if (index >= n) return index -= n, false;
      const int64_t token = index / n_groups_ * tile_tokens_, g = index % n_groups_;
      const int64_t n_tokens = std::min<int64_t>(tile_tokens_, s.n_tokens - token);
      load_q(row + token, n_tokens, g);
      context_.kernels.attend.tile(task(s, row + token, token, n_tokens, g), output(row + token, g), at_.n_head * at_.head_dim_v,
                                   kernel_scratch_);
      return true;
    });
  }

  void run_stream(int64_t index) {
    int64_t item = 0, left = index;  // item: of the streamed (token, group) pairs
    each_piece([&](const StepSequence& s, int64_t row) {
      for (int64_t token = 0; is_streamed(s) && token < s.n_tokens; ++token) {
        const int64_t parts = n_parts(s, token), n = parts * n_groups_;
        if (left < n) {
          stream_part(s, row + token, token, left / parts, left % parts, parts, index, item + left / parts);
          return true;
        }
        left -= n;
        item += n_groups_;
      }
      return false;
    });
  }

  float* partial(int64_t i) const { return context_.floats(context_.layout.partials + i * context_.layout.partials_bytes); }

  void stream_part(const StepSequence& s, int64_t row, int64_t token, int64_t g, int64_t part, int64_t parts, int64_t index,
                   int64_t item) {
    if (has_cache() && !stores_first_ && part == parts - 1) store(s, row, token, g);  // the one part that reads the new cell
    load_q(row, 1, g);
    AttendTask work = task(s, row, token, 1, g);
    const int64_t begin = work.key_begin;
    const int64_t part_size = part_keys(s, token);
    work.key_begin = begin + part * part_size;
    if (part < parts - 1) work.key_end = begin + (part + 1) * part_size;
    // Parts of one item have consecutive indices; unsplit work needs a buffer for as long as this call lasts.
    float* result = partial(part_size > 0 ? index : thread_);
    context_.kernels.attend.stream(work, result, kernel_scratch_);
    if (parts > 1) {
      std::atomic<int32_t>& done = context_.parts_done[static_cast<size_t>(item)];
      if (done.fetch_add(1, std::memory_order_acq_rel) != parts - 1) return;  // whoever ends last merges
      done.store(0, std::memory_order_relaxed);
      result = partial(index - part);
    }
    merge(result, parts, work, row, g);
  }

  void merge(const float* result, int64_t parts, const AttendTask& work, int64_t row, int64_t g) {
    context_.kernels.attend.merge(result, parts, context_.layout.partials_bytes / static_cast<int64_t>(sizeof(float)), n_rep_,
                                  at_.head_dim_v, work.sinks, output(row, g));
  }

  const StepContext& context_;
  const Phase& phase_;
  const Node& node_;
  const AttendAttrs& at_;
  int64_t n_rep_;        // R, of one group
  int64_t n_groups_;     // G, or a multiple of it
  int64_t tile_tokens_;  // tokens of a full tile; at least 1
  int64_t width_;        // D padded
  int thread_;
  bool is_few_;  // the step has few tokens
  float *q_, *head_[2], *kernel_scratch_, *slopes_;
  const float *source_q_, *source_k_;
  int64_t n_tile_tasks_ = 0, n_stream_tasks_ = 0;
  int64_t part_keys_ = 0;      // keys of a part in a step of many tokens; 0: nothing is split
  bool stores_first_ = false;  // some sequence has several tokens: all cells are written before any is read
};

}  // namespace

void run_attend(const StepContext& context, const Phase& phase, int thread) { AttendPhase(context, phase, thread).run(); }

}  // namespace lupo::cpu
