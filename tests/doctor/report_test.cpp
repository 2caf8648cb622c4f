// The two reports of a diagnosis: a page that is well-formed, asks nothing of the world and holds hostile text as text, and lines
// that fit a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "base/lines.h"
#include "doctor/doctor.h"
#include "doctor/markup.h"
#include "doctor/page.h"
#include "doctor/plot.h"
#include "doctor/roofline.h"
#include "model/gguf/writer.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Not;

const std::string kTiny = std::string(LUPO_TESTS_DIR) + "/goldens/arch/llama.gguf";
const std::string kHostile = "<script>alert(1)</script>&\"'><img src=x onerror=y>\x1b[31m\xff";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

// Nothing that a browser would fetch or run, and every coordinate a finite number.
void expect_harmless(const Page& page) {
  EXPECT_EQ(page.problem, "");
  for (const char* tag : {"script", "link", "iframe", "img", "object", "embed", "base", "form", "a"})
    EXPECT_EQ(page.count(tag), 0) << tag;
  for (const Element& element : page.elements)
    for (const auto& [name, value] : element.attributes) {
      EXPECT_THAT(name, testing::AnyOf("class", "style", "lang", "charset", "name", "content", "id", "role", "aria-label",
                                       "aria-labelledby", "scope", "viewBox", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r",
                                       "d", "width", "height", "transform", "text-anchor"));
      for (const char* bad : {"://", "url(", "javascript"}) EXPECT_THAT(value, Not(HasSubstr(bad))) << name;
      if (name == "class") continue;  // "finding info"
      for (const char* bad : {"nan", "inf"}) EXPECT_THAT(value, Not(HasSubstr(bad))) << name;
    }
}

// All that a diagnosis can hold, `text` wherever a file, a server or a machine says something.
Diagnosis full_diagnosis(const std::string& text, double odd) {
  Diagnosis d;
  d.machine.cpu.model = d.isa = text;
  d.machine.ram = {.total_bytes = int64_t{8} << 30, .available_bytes = int64_t{2} << 30};
  d.machine.disks = {{.name = text, .model = text}};
  d.machine.gpus = {{.name = text, .driver = text, .sources = {text}}};
  d.machine.measured.read_gbps = 25;
  d.roof = {.threads = 2, .read_gbps = 25, .int8_gmacs = 200, .f32_gmacs = 50};
  ModelExam exam;
  exam.path = exam.name = exam.architecture = text;
  exam.n_ctx = 4096;
  exam.bytes = {.weights = 1 << 30, .kv = 1 << 28, .state = 1 << 20, .scratch = 1 << 24};
  exam.decode_tps = 20;
  exam.prefill_tps = 300;
  exam.n_prefill = 128;
  exam.decode_depth = 16;
  exam.decode_gbps = 20;
  exam.prefill_gflops = 100;
  exam.peak_gflops = 400;
  exam.decode_ops = {{text, text, 8, 40, 20, 60}, {"attend", "", 8, 4, 1, odd}, {"norm", "", 8, 1, 0, 0}};
  exam.prefill_ops = {{text, "Q4_K", 8, 400, 1, 300}, {"attend", "", 8, 40, odd, 20}};
  exam.decisions = {text};
  exam.timeline.parts = {{"open", {.ms = 5, .major_faults = 3}}, {text, {.ms = 100}}};
  exam.timeline.tokens = {{.ms = 50}, {.ms = 52}, {.ms = 49}, {.ms = 200, .preemptions = 4}};
  for (int64_t n = 1024; n <= 8192; n *= 2)
    exam.memory.push_back({n, {.weights = 1 << 30, .kv = n << 16, .state = 1 << 20, .scratch = 1 << 24}, n < 8192});
  for (int64_t n = 16; n <= 4096; n *= 4) {
    exam.prediction.decode.push_back({n, {15, 20, 25}});
    exam.prediction.prefill.push_back({n, {200, odd, 400}});
  }
  d.exam = exam;
  for (const Layer layer : {Layer::hardware, Layer::memory, Layer::runtime, Layer::model, Layer::quantization})
    d.layers.push_back({layer, layer == Layer::memory ? odd : 0.5, text});
  d.findings = {{Layer::runtime, "code", Severity::warning, text, text, 0.25, text},
                {Layer::model, "other", Severity::problem, text, "", 0, ""}};
  d.stuck_on = Layer::runtime;
  d.verdict = "stuck on runtime: " + text;
  return d;
}

TEST(Page, HoldsEverythingThatThereIs) {
  const Page page = parse_page(to_html(full_diagnosis("some text", 30), "lupo, today"));
  expect_harmless(page);
  EXPECT_EQ(page.count("svg"), 4) << "roofline, memory, speed, tokens";
  EXPECT_EQ(page.count("svg") * 2, [&] {
    int named = 0;
    for (const Element& e : page.elements)
      for (const auto& [name, value] : e.attributes) named += (e.tag == "title" || e.tag == "desc") && name == "id";
    return named;
  }()) << "each has a title and a description";
  for (const char* word :
       {"Stuck on runtime", "the limit", "quantization", "Decode about 25 % faster", "memory 25.0 GB/s", "1.75 GiB available",
        "KV cache", "measured 300", "median 51 ms", "3 disk waits", "preempted 4 times", "lupo, today"})
    EXPECT_THAT(page.text, HasSubstr(word));
}

TEST(Page, HostileTextStaysText) {
  const std::string html = to_html(full_diagnosis(kHostile, 30), kHostile);
  const Page page = parse_page(html);
  expect_harmless(page);
  EXPECT_THAT(page.text, HasSubstr("<script>alert(1)</script>&\"'><img src=x onerror=y>\\x1b[31m"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("\x1b")));
}

TEST(Page, OddNumbersAreLeftOut) {
  for (const double odd : {kNan, kInf, -kInf, 0.0, -1.0, 1e300, 1e-300}) {
    SCOPED_TRACE(odd);
    Diagnosis d = full_diagnosis("x", odd);
    expect_harmless(parse_page(to_html(d, "")));
    d.roof = {.threads = 1, .read_gbps = odd, .int8_gmacs = odd, .f32_gmacs = odd};
    d.exam->timeline.tokens = {{.ms = odd}};
    d.exam->timeline.parts = {{"open", {.ms = odd}}};
    d.exam->decode_tps = d.exam->prefill_tps = odd;
    expect_harmless(parse_page(to_html(d, "")));
    EXPECT_FALSE(to_text(d, {}).empty());
  }
}

TEST(Page, WithoutAModelOrAMachine) {
  Diagnosis machine = full_diagnosis("some machine", 30);
  machine.exam.reset();
  const Page alone = parse_page(to_html(machine, ""));
  expect_harmless(alone);
  EXPECT_EQ(alone.count("svg"), 1) << "the roofs";

  Diagnosis served;
  served.served = Served{.kind = ServerKind::ollama, .url = "http://127.0.0.1:11434", .model = kHostile};
  served.verdict = "nothing that can be seen limits this model";
  const Page elsewhere = parse_page(to_html(served, ""));
  expect_harmless(elsewhere);
  EXPECT_EQ(elsewhere.count("svg"), 0);
  EXPECT_THAT(elsewhere.text, AllOf(HasSubstr("Ollama"), HasSubstr("Nothing that can be seen")));
}

// A file whose metadata and name are hostile, diagnosed for real.
TEST(Page, OfAHostileFile) {
  const auto golden = gguf::File::open(kTiny);
  ASSERT_TRUE(golden) << golden.error().what;
  gguf::Writer writer;
  for (const auto& [key, value] : golden->metadata().entries()) writer.set(key, value);
  writer.set("general.name", "</title><script>alert(2)</script>");
  for (const gguf::TensorInfo& t : golden->tensors())
    ASSERT_TRUE(
        writer.add_tensor(t.name, t.type, {t.dim.data(), static_cast<size_t>(t.n_dims)}, {t.data, static_cast<size_t>(t.bytes)}));
  const TestFolder folder;
  const std::string path = folder.path("<b onclick='x'>$(y).gguf");
  const auto written = writer.write(path);
  ASSERT_TRUE(written) << written.error().what;

  const auto d = diagnose(real_env(), {.model = path, .runtime = {}, .isa = "x", .isa_best = "x"});
  ASSERT_TRUE(d) << d.error().what;
  const Page page = parse_page(to_html(*d, "lupo"));
  expect_harmless(page);
  EXPECT_THAT(page.text, AllOf(HasSubstr("</title><script>alert(2)</script>"), HasSubstr("<b onclick='x'>$(y).gguf")));
  ASSERT_FALSE(d->exam->timeline.parts.empty());
  std::vector<std::string> names;
  for (const RunPart& part : d->exam->timeline.parts) {
    EXPECT_GT(part.time.ms, 0) << part.name;
    if (names.empty() || names.back() != part.name) names.push_back(part.name);
  }
  EXPECT_THAT(names, ElementsAre("open", "plan", "compile", "first token", "prefill", "decode"));
  double tokens_ms = 0;
  for (const StepTime& token : d->exam->timeline.tokens) tokens_ms += token.ms;
  EXPECT_NEAR(tokens_ms, d->exam->timeline.parts.back().time.ms, 1e-9);
  EXPECT_GT(d->exam->peak_gflops, 0);
  EXPECT_FALSE(d->exam->prefill_ops.empty());
}

TEST(Page, TheCheckerCanFail) {
  const std::string good = "<!DOCTYPE html>\n<html lang=\"en\"><p>a &lt; b</p></html>";
  EXPECT_EQ(parse_page(good).problem, "");
  for (const char* bad :
       {"<html><p>a</html>", "<html><p>a < b</p></html>", "<html><p>a & b</p></html>", "<html><p x=1></p></html>",
        "<html></html><html></html>", "<html>", "<html><p title=\"a>b\"></p></html>", "<html></p></html>"})
    EXPECT_NE(parse_page(std::string("<!DOCTYPE html>\n") + bad).problem, "") << bad;
}

TEST(Markup, Coordinates) {
  EXPECT_EQ(coordinate(1.5), "1.5");
  EXPECT_EQ(coordinate(100), "100");
  EXPECT_EQ(coordinate(-0.001), "0");
  EXPECT_EQ(coordinate(1.0 / 3), "0.33");
  EXPECT_EQ(coordinate(kNan), "0");
  EXPECT_EQ(coordinate(kInf), "0");
}

TEST(Ticks, OfEachKind) {
  EXPECT_THAT(even_ticks(37, 4), ElementsAre(0, 10, 20, 30, 40));
  EXPECT_THAT(even_ticks(0, 4), ElementsAre(0));
  EXPECT_THAT(log_ticks({0.5, 2000, true}), ElementsAre(1, 10, 100, 1000));
  EXPECT_THAT(log_ticks({4, 60, true}), ElementsAre(5, 10, 20, 50));
  EXPECT_TRUE(log_ticks({0, 60, true}).empty());
  EXPECT_TRUE(log_ticks({1, kInf, true}).empty());
  EXPECT_THAT(binary_ticks({1024, 8192, true}, 7), ElementsAre(1024, 2048, 4096, 8192));
  EXPECT_THAT(binary_ticks({16, 8192, true}, 7), ElementsAre(16, 64, 256, 1024, 4096));
  EXPECT_EQ((Axis{1, 100, true}).share(10), 0.5);
  EXPECT_EQ((Axis{0, 100}).share(150), 1);
}

TEST(Roofline, PointsOfOps) {
  const auto points = roof_points({{"attend", "", 2, 10, 4, 8}, {"linear", "Q4_K", 2, 30, 10, 40}, {"norm", "", 2, 10, 0, 0}});
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[0].name, "linear Q4_K");
  EXPECT_DOUBLE_EQ(points[0].intensity, 4);
  EXPECT_DOUBLE_EQ(points[0].share, 0.6);
  EXPECT_EQ(points[1].name, "attend");
  EXPECT_EQ(points[2].intensity, 0) << "reads no weights";
  EXPECT_DOUBLE_EQ(attainable_gflops(4, 20, 100), 80);
  EXPECT_DOUBLE_EQ(attainable_gflops(40, 20, 100), 100);
}

TEST(Timeline, SlowTokens) {
  const TokenTimes times = summary_of({{.ms = 10}, {.ms = 11}, {.ms = 9}, {.ms = 16}});
  EXPECT_DOUBLE_EQ(times.median_ms, 10.5);
  EXPECT_DOUBLE_EQ(times.slowest_ms, 16);
  EXPECT_THAT(times.slow, ElementsAre(3));
  EXPECT_EQ(reason_of({.ms = 1, .major_faults = 1, .preemptions = 5}), "1 wait for the disk");
  EXPECT_EQ(reason_of({.ms = 1, .preemptions = 1}), "preempted once");
  EXPECT_EQ(reason_of({.ms = 1}), "");
  EXPECT_DOUBLE_EQ(summary_of({}).median_ms, 0);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Text, FitsTheTerminal) {
  Diagnosis d = full_diagnosis("many words of a sentence that goes on and on, as sentences do when there is much to say", 0.5);
  d.exam->timeline.parts.back().name = "decode";  // names of parts are ours, and short
  for (const int columns : {60, 80, 120, 200}) {
    SCOPED_TRACE(columns);
    const std::vector<std::string> lines = lines_of(to_text(d, {.columns = columns}));
    for (size_t i = 0; i < lines.size(); ++i) {
      if (i > 1 && lines[i].find("fix: ") == std::string::npos) {
        EXPECT_LE(columns_of(lines[i]), columns) << lines[i];
      }
    }
  }
  Diagnosis without = d;
  without.findings.clear();
  for (LayerVerdict& v : without.layers) v.what = "14.0 of 27.2 GB/s in a decode, 2 cores, no cgroup quota";
  EXPECT_LE(lines_of(to_text(without, {})).size(), 30u) << "about a screen";
}

TEST(Text, WithoutUtf8OrColor) {
  const std::string text = to_text(full_diagnosis("naïve 模型", 0.5), {.utf8 = false});
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  EXPECT_THAT(text, AllOf(HasSubstr("#####....."), HasSubstr("<- the limit")));
  EXPECT_THAT(to_text(full_diagnosis("x", 0.5), {}), Not(HasSubstr("\033")));
  const std::string colored = to_text(full_diagnosis(kHostile, 0.5), {.color = true});
  EXPECT_THAT(colored, HasSubstr("\033[33m"));
  EXPECT_THAT(colored, Not(HasSubstr("\033[31m\xEF\xBF\xBD"))) << "only our own codes";
}

}  // namespace
}  // namespace lupo
