// The diagnosis as one page: verdict, layers, findings, plots, machine. It needs nothing beside it, and no script.
#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "doctor/doctor.h"
#include "doctor/markup.h"
#include "doctor/report_plots.h"
#include "doctor/report_style.h"
#include "hardware/machine_report.h"

namespace lupo {
namespace {

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string gain_words(const Finding& f) {
  std::string words = fmt::format("{} about {:.0f} % faster with the fix", f.gain_of, 100 * f.gain);
  if (f.gain_high > 0) words += fmt::format(", in 8 of 10 cases {:.0f} to {:.0f} %", 100 * f.gain_low, 100 * f.gain_high);
  return words;
}

std::string file_name_of(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

// Of the page: the model's own name, or its file's, or the machine's.
std::string subject_of(const Diagnosis& d) {
  if (d.exam) return d.exam->name.empty() ? file_name_of(d.exam->path) : d.exam->name;
  if (d.served) return d.served->model.empty() ? d.served->url : d.served->model;
  return d.machine.cpu.model.empty() ? "This machine" : d.machine.cpu.model;
}

void add_header(const Diagnosis& d, const std::string& made, Markup& out) {
  out.open("header").leaf("h1", {}, subject_of(d));
  if (d.exam)
    out.leaf("p", {{"class", "sub"}},
             fmt::format("{} · {} · {} parameters · {}", d.exam->path, d.exam->architecture, format_count(d.exam->params),
                         format_bytes(d.exam->bytes.weights)));
  if (d.served) out.leaf("p", {{"class", "sub"}}, to_line(*d.served));
  if (d.has_machine())
    out.leaf("p", {{"class", "sub"}},
             fmt::format("{}, {}{}{}", d.machine.cpu.model, format_bytes(d.machine.ram.total_bytes),
                         d.isa.empty() ? "" : ", kernels ", d.isa));
  out.leaf("p", {{"class", "sub"}}, made).close();
}

// The few numbers that a reader looks for first.
void add_figures(const Diagnosis& d, Markup& out) {
  std::vector<std::pair<std::string, std::string>> figures;
  if (d.exam && d.exam->decode_tps > 0) {
    figures.emplace_back("decode", fmt::format("{:.1f} tok/s", d.exam->decode_tps));
    figures.emplace_back(fmt::format("prefill of {} tokens", d.exam->n_prefill),
                         fmt::format("{:.0f} tok/s", d.exam->prefill_tps));
  }
  if (d.exam) figures.emplace_back(fmt::format("memory for {} tokens", d.exam->n_ctx), format_bytes(d.exam->bytes.total()));
  if (d.served && d.served->run && d.served->run->decode_tps > 0)
    figures.emplace_back("decode", fmt::format("{:.1f} tok/s", d.served->run->decode_tps));
  if (d.served && d.served->run && d.served->run->prefill_tps > 0)
    figures.emplace_back("prefill", fmt::format("{:.0f} tok/s", d.served->run->prefill_tps));
  if (d.has_machine() && d.machine.ram.available_bytes > 0)
    figures.emplace_back("memory available", format_bytes(d.machine.ram.available_bytes));
  if (d.has_machine() && d.machine.measured.read_gbps > 0)
    figures.emplace_back("memory reads", fmt::format("{:.1f} GB/s", d.machine.measured.read_gbps));
  if (figures.empty()) return;
  out.open("dl", {{"class", "figures"}});
  for (const auto& [name, value] : figures) out.open("div").leaf("dt", {}, name).leaf("dd", {}, value).close();
  out.close();
}

void add_verdict(const Diagnosis& d, Markup& out) {
  out.open("section", {{"class", "card verdict"}, {"aria-label", "Verdict"}});
  // "stuck on runtime: …" says the layer first, the reason after it.
  const std::string stuck = d.stuck_on ? fmt::format("stuck on {}", layer_name(*d.stuck_on)) : "";
  const size_t at = stuck.empty() ? std::string::npos : d.verdict.find(stuck);
  if (at == std::string::npos) {
    out.leaf("strong", {}, sentence(d.verdict));
  } else {
    out.leaf("strong", {}, sentence(stuck));
    std::string before = d.verdict.substr(0, at), after = d.verdict.substr(at + stuck.size());
    if (before.ends_with("; ")) before.resize(before.size() - 2);
    if (after.starts_with(": ")) after.erase(0, 2);
    for (const std::string& text : {after, before})
      if (!text.empty()) out.leaf("p", {}, sentence(text));
  }
  add_figures(d, out);
  out.close();
}

void add_layers(const Diagnosis& d, Markup& out) {
  out.open("section", {{"class", "card"}}).leaf("h2", {}, "Layers").open("ol", {{"class", "layers"}});
  for (const LayerVerdict& v : d.layers) {
    const bool limits = d.stuck_on == v.layer;
    out.open("li", {{"class", limits ? "limit" : ""}});
    out.leaf("span", {{"class", "layer"}}, layer_name(v.layer));
    if (v.filled > 0) {
      out.open("span", {{"class", "track"}});
      out.leaf("span", {{"class", "fill"}, {"style", fmt::format("width:{}%", coordinate(100 * std::clamp(v.filled, 0.0, 1.0)))}},
               "");
      out.close().leaf("span", {{"class", "share"}}, fmt::format("{:.0f} %", 100 * v.filled));
    } else {
      out.leaf("span", {{"class", "none"}}, "").leaf("span", {{"class", "share"}}, "");
    }
    out.open("span", {{"class", "what"}}).text(v.what);
    if (limits) out.leaf("span", {{"class", "tag"}}, "the limit");
    out.close().close();
  }
  out.close().close();
}

void add_findings(const Diagnosis& d, Markup& out) {
  if (d.findings.empty()) return;
  out.open("section", {{"class", "card"}}).leaf("h2", {}, "Findings");
  for (const Finding& f : d.findings) {
    const std::string severity(severity_name(f.severity));
    out.open("article", {{"class", "finding " + severity}});
    out.open("div", {{"class", "tag"}}).leaf("span", {{"class", "severity"}}, severity);
    out.text(fmt::format(" · {} / {}", layer_name(f.layer), f.code)).close();
    out.leaf("h3", {}, sentence(f.what));
    if (!f.evidence.empty()) out.leaf("p", {}, sentence(f.evidence));
    if (f.gain >= 0.01) out.leaf("p", {{"class", "gain"}}, sentence(gain_words(f)));
    if (!f.fix.empty()) out.open("pre").leaf("code", {}, f.fix).close();
    out.close();
  }
  out.close();
}

void add_list(const char* heading, const std::vector<std::string>& items, Markup& out) {
  if (items.empty()) return;
  out.open("section", {{"class", "card"}}).leaf("h2", {}, heading).open("ul", {{"class", "list"}});
  for (const std::string& item : items) out.leaf("li", {}, item);
  out.close().close();
}

void add_machine(const Diagnosis& d, Markup& out) {
  if (!d.has_machine()) return;
  out.open("section", {{"class", "card"}}).leaf("h2", {}, "Machine").open("dl", {{"class", "facts"}});
  std::string label;
  for (const Fact& fact : machine_facts(d.machine)) {
    out.leaf("dt", {}, fact.label == label ? "" : fact.label).leaf("dd", {}, fact.text);
    label = fact.label;
  }
  const Measured& measured = d.machine.measured;
  if (measured.read_gbps > 0)
    out.leaf("dt", {}, "reads")
        .leaf("dd", {}, fmt::format("{:.1f} GB/s with {} threads, measured", measured.read_gbps, measured.threads));
  if (d.roof.int8_gmacs > 0)
    out.leaf("dt", {}, "products")
        .leaf("dd", {},
              fmt::format("int8 {:.0f}, f32 {:.0f} GFLOP/s with {} threads, measured", 2 * d.roof.int8_gmacs,
                          2 * d.roof.f32_gmacs, d.roof.threads));
  out.close().close();
}

void add_plots(const Diagnosis& d, Markup& out) {
  out.open("div", {{"class", "plots"}});
  add_roofline(d, out);
  add_memory_over_context(d, out);
  if (d.exam) add_speed_over_context(*d.exam, out);
  if (d.exam) add_timeline(*d.exam, out);
  if (!d.exam) add_machine(d, out);  // beside the one plot that there is
  out.close();
}

}  // namespace

std::string to_html(const Diagnosis& d, const std::string& made) {
  Markup out;
  out.open("html", {{"lang", "en"}}).open("head").empty("meta", {{"charset", "utf-8"}});
  out.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  out.leaf("title", {}, fmt::format("{}: lupo doctor", subject_of(d))).style(kReportStyle).close();
  out.open("body").open("main");
  add_header(d, made, out);
  add_verdict(d, out);
  add_layers(d, out);
  add_findings(d, out);
  add_plots(d, out);
  if (d.exam) add_list("Decisions", d.exam->decisions, out);
  if (d.served) add_list("Unknown", unknown_of(*d.served), out);
  if (d.exam) add_machine(d, out);
  return std::move(out).take();
}

}  // namespace lupo
