// The figures of doctor's page, each with its caption and its numbers as a table. One that has no data writes nothing.
#pragma once

#include "doctor/doctor.h"
#include "doctor/markup.h"

namespace lupo {

void add_roofline(const Diagnosis& d, Markup& out);
void add_memory_over_context(const Diagnosis& d, Markup& out);
void add_speed_over_context(const ModelExam& exam, Markup& out);
void add_timeline(const ModelExam& exam, Markup& out);

}  // namespace lupo
