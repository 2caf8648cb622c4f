// What each layer notices of a model that another server runs, with the fix in that server's terms. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "doctor/served/served.h"
#include "hardware/load.h"
#include "hardware/machine.h"

namespace lupo {

// What this machine adds when the server runs on it.
struct Here {
  // What lupo's own engine is predicted to do with the same file, tokens a second; all 0: the file could not be read.
  struct Speed {
    double low = 0, middle = 0;
  };
  Machine machine;              // with measured.read_gbps
  int64_t bytes_per_token = 0;  // weights read for a decoded token; 0 = not known
  Speed decode{}, prefill{};
  CpuLoad load_before{}, load_during{};  // of all processes: before the server was asked, and steal while it ran
  bool file_was_read = false;            // then its checks say more of model and quantization than names do
};

// 1e9 weight bytes a second that the measured decode read from this machine's memory; 0 when unknown, or when a GPU did it.
double decode_gbps(const Served& served, const Here& here);

// Codes: runtime: context-default, context-beyond-training, slots-split-context, threads-too-many, threads-too-few,
// flash-attention-off, kv-f32, jinja-off, prefix-cache-missed, prompts-share-nothing, gpu-unused, below-this-machine,
// prefill-below-this-machine, server-busy; memory: partly-on-cpu, swapped-out, reread-from-disk; model: not-a-chat-model,
// base-model, template-missing, template-drops-system, no-tool-calls; quantization: wide-weights, few-bits; hardware: on-cpu,
// remote-model and those of check_hardware. `here` is null for a server on another machine.
std::vector<Finding> check_served(const Served& served, const Here* here);

// The part of it that is about model and quantization; names and labels count where the file was not read.
void check_served_model(const Served& served, bool file_was_read, std::vector<Finding>& findings);

// The fix of a finding that a check of the file made, in the server's terms; `fix` itself when there is none.
std::string fix_in_their_terms(const Served& served, const std::string& code, const std::string& fix);

}  // namespace lupo
