// Other models at hand: the files beside the one that is examined, planned and predicted for this machine as it is.
#pragma once

#include "doctor/gains.h"
#include "model/neighbour_checks.h"

namespace lupo {

// Of the model's folder, not of those below it: at most 64 GGUF files in the order of their names, and none is begun after 3 s.
// Their headers alone are read. Left out is what cannot be opened, what is no model to talk to (projectors, adapters, drafts,
// embedding models, rerankers) and what is no alternative (is_alternative).
//
// Planned with the context that was examined, or where they were trained for less, with that; one that was asked for must be had.
// Predicted from the calibration of `gains`, and not at all where the machine was never at rest; at most two types of weights are
// measured for it, which takes 0.5 s each, others count as the slowest known.
// `shown`: the examined model's plan.
Neighbours neighbours_of(const Env& env, const Model& model, const Preview& shown, const Machine& machine,
                         const DoctorRequest& request, const ModelExam& exam, const Gains& gains);

}  // namespace lupo
