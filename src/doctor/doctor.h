// The doctor: measures the machine and a model on it, collects what each layer noticed, ranks it, and names the layer that is
// the limit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "doctor/served/served.h"
#include "doctor/speed.h"
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
};

struct LayerVerdict {
  Layer layer;
  double filled = 0;  // of the layer's bar, 0 … 1
  std::string what;   // one line
};

struct Diagnosis {
  Machine machine;
  std::string isa;
  std::optional<ModelExam> exam;
  std::optional<Served> served;      // of a server; then `machine` is empty unless the server runs on it
  std::vector<Finding> findings;     // ranked: by severity, then by gain
  std::vector<LayerVerdict> layers;  // the five, in their order
  std::optional<Layer> stuck_on;     // nothing when nothing limits
  std::string verdict;               // one sentence
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
// For people: bars and sentences, UTF-8, ANSI colours when `color`.
std::string to_text(const Diagnosis& diagnosis, bool color);

}  // namespace lupo
