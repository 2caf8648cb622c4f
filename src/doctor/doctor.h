// The doctor: measures the machine and a model on it, collects what each layer noticed, ranks it, and names the layer that is
// the limit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "doctor/outlook.h"
#include "doctor/served/served.h"
#include "doctor/speed.h"
#include "doctor/timeline.h"
#include "runtime/runtime.h"

namespace lupo {

struct DoctorRequest {
  std::string model;  // path; "" = the machine alone
  RuntimeOptions runtime;
  std::string isa, isa_best;    // kernels in use and the best that this processor runs
  std::string chat_template{};  // as ChatTemplate::choose has it; "": the model's own
};

// The model as it ran for a moment.
struct ModelExam {
  std::string path;
  int64_t n_ctx = 0, n_ctx_train = 0;
  int n_threads = 1;
  MemoryBytes bytes;
  bool fits = true;
  int64_t params = 0;
  int64_t bytes_per_token = 0;  // weights read for a decoded token
  double bits_per_weight = 0;
  double ceiling_tps = 0;                  // read bandwidth / bytes_per_token
  double decode_tps = 0, prefill_tps = 0;  // measured; 0 = it does not fit
  double decode_gbps = 0, roof_fraction = 0;
  std::vector<OpTime> decode_ops{};
  std::vector<std::string> decisions{};
  std::string name{}, architecture{};          // as the file says
  int64_t n_prefill = 0, decode_depth = 0;     // tokens of the measured prompt, and in the context of the measured decode
  std::vector<OpTime> prefill_ops{};           // of one batch
  double prefill_gflops = 0, peak_gflops = 0;  // of the prompt, 1e9 operations a second: reached, and at the cores' peak
  Timeline timeline{};                         // of the run; empty when it does not fit
  std::vector<ContextPoint> memory{};          // over the context
  Prediction prediction{};                     // over the context; empty where nothing is calibrated
};

struct LayerVerdict {
  Layer layer;
  double filled = 0;  // of the layer's bar, 0 … 1
  std::string what;   // one line
};

struct Diagnosis {
  Machine machine;
  std::string isa;
  Roof roof{};  // of this machine; 0: not measured
  std::optional<ModelExam> exam;
  std::optional<Served> served;      // of a server; then `machine` is empty unless the server runs on it
  std::vector<Finding> findings;     // ranked: by severity, then by gain
  std::vector<LayerVerdict> layers;  // the five, in their order
  std::optional<Layer> stuck_on;     // nothing when nothing limits
  std::string verdict;               // one sentence

  bool has_machine() const { return !served || served->same_host; }
};

// Takes one to a few seconds. Errors: those of the probe, and of a model that cannot be opened or run at all; one that does not
// fit is a finding.
Result<Diagnosis> diagnose(const Env& env, const DoctorRequest& request);

struct ServedRequest {
  std::string url;    // "http://127.0.0.1:11434"
  std::string model;  // as the server calls it; "" = the one that is loaded, or the first
  std::string isa;    // kernels that lupo would use
};

// The same of a model that another server runs, with fixes in that server's terms. Sends it two short requests, which make it
// load the model when it has not. Errors: those of parse_url, describe_served and measure_served.
Result<Diagnosis> diagnose_served(const Env& env, const ServedRequest& request);

// Severity first, then gain; stable.
void rank(std::vector<Finding>& findings);

// The layer of the first warning or problem that limits; without one the hardware when its roof is
// reached, else the runtime when a decode was measured, else nothing.
std::optional<Layer> stuck_on(const std::vector<Finding>& ranked, const std::optional<ModelExam>& exam);

std::string to_json(const Diagnosis& diagnosis);

// For people at a terminal: bars and sentences.
struct TextStyle {
  bool color = false;  // ANSI colours
  bool utf8 = true;    // else ASCII alone
  int columns = 80;    // longer lines are wrapped, paths and commands apart
};
std::string to_text(const Diagnosis& diagnosis, const TextStyle& style);

// For people with a browser: one page that needs nothing beside it, with plots. `made`: when and by what, "lupo 0.1.0,
// 2026-11-27".
std::string to_html(const Diagnosis& diagnosis, const std::string& made);

}  // namespace lupo
