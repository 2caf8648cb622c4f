// Templates that loop, recurse or allocate without end: each gives one error within 2 s and 200 MB, and this process lives on.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>

#include "model/text/chat_template.h"

namespace lupo {
namespace {

std::string times(std::string_view text, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

// `body` in a loop of n steps that grow ns.a.
std::string grown(const std::string& body, int n, const std::string& after) {
  return "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(" + std::to_string(n) + ") %}" + body + "{% endfor %}" + after;
}

struct Hostile {
  const char* name;
  std::string source;
};

const std::string kTwice = "{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}";

const std::vector<Hostile> kHostile = {
    {"range", "{% for i in range(1000000000) %}{% endfor %}"},
    {"nested_loops",
     "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"},
    {"range_as_list", "{{ range(1000000000)|list|length }}"},
    {"string_repeat", "{{ ('x' * 1000000000)|length }}"},
    {"string_repeat_twice", "{{ ('x' * 10000 * 10000 * 100)|length }}"},
    {"list_repeat", "{{ ([1] * 1000000000)|list|length }}"},
    {"string_doubling",
     "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s|length }}"},
    {"string_plus_doubling",
     "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|length }}"},
    {"list_doubling", grown("{% set ns.a = ns.a + ns.a %}", 99, "{% for x in ns.a %}{% endfor %}")},
    {"nested_list_printed", grown(kTwice, 60, "{{ ns.a }}")},
    {"nested_list_to_json", grown(kTwice, 60, "{{ ns.a|tojson }}")},
    {"nested_list_joined", grown(kTwice, 60, "{{ ns.a ~ '' }}")},
    {"nested_lists_compared", grown(kTwice, 60, "{{ ns.a == ns.b }}")},
    {"deep_list_printed", grown("{% set ns.a = [ns.a] %}", 90000, "{{ ns.a }}")},
    {"cyclic_namespace", "{% set ns = namespace() %}{% set ns.a = ns %}{{ 'x' ~ ns }}"},
    {"macro_recursion", "{% macro a(x) %}{{ a(x) }}{% endmacro %}{{ a(1) }}"},
    {"macro_tree", "{% macro a(n) %}{% if n > 0 %}{{ a(n-1) }}{{ a(n-1) }}{% endif %}{% endmacro %}{{ a(50) }}"},
    {"loop_recursion", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"},
    {"include_of_itself", "{% include 'chat template' %}"},
    {"deep_parentheses", "{{ " + times("(", 50000) + "1" + times(")", 50000) + " }}"},
    {"deep_lists", "{{ " + times("[", 50000) + times("]", 50000) + " }}"},
    {"deep_not", "{{ " + times("not ", 100000) + "1 }}"},
    {"deep_attributes", "{{ messages" + times(".a", 200000) + " }}"},
    {"deep_filters", "{{ 1" + times("|string", 100000) + " }}"},
    {"deep_blocks", times("{% if 1 %}", 20000) + times("{% endif %}", 20000)},
    {"indent_width", "{{ 'a\nb'|indent(1000000000) }}"},
    {"tojson_indent", "{{ [[1]]|tojson(indent=1000000000) }}"},
    {"center_width", "{{ 'a'.center(1000000000) }}"},
    {"format_width", "{{ '%1000000000d'|format(1) }}"},
    {"format_method_width", "{{ '{:1000000000}'.format(1) }}"},
    {"replace_growth", "{{ ('a' * 10000).replace('a', 'b' * 100000)|length }}"},
    {"join_growth", "{{ ('x' * 100000).join(('a,' * 10000).split(','))|length }}"},
    {"output_flood", "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}"},
    {"capture_flood", "{% set x %}{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endset %}"},
    {"scan_in_a_loop", "{% set a = 'a' * 1000000 %}{% for i in range(99999) %}{% set x = 'ab' in a %}{% endfor %}"},
    {"division_by_zero", "{{ 1 // 0 }}"},
    {"modulo_zero", "{{ 1 % 0 }}"},
    {"power", "{{ 10 ** 1000000000 }}"},
    {"slice_at_the_ends", "{{ 'abc'[-9223372036854775808:9223372036854775807:-9223372036854775808] }}"},
    {"percent_width", "{{ '%1000000000d' % 1 }}"},
    {"percent_star", "{{ '%*d' % (1000000000, 1) }}"},
    {"percent_precision", "{{ '%.1000000000f' % 1 }}"},
    {"percent_many", "{{ ('%99999d' * 1000) % (1, 2) }}"},
    {"percent_in_a_loop", "{% for i in range(9999) %}{{ '%99999d' % i }}{% endfor %}"},
    {"percent_places", "{% set a = '%s' %}" + times("{{ a % 1 }}", 5000)},
    {"unary_plus", "{{ " + times("+", 5000) + "1 }}"},
    {"sum_chain", "{{ 1" + times(" + 1", 100000) + " }}"},
    {"center_filter", "{{ 'a'|center(1000000000) }}"},
    {"varargs_recursion", "{% macro m() %}{{ m(varargs, varargs) }}{% endmacro %}{{ m(1) }}"},
    {"step_zero", "{{ [1, 2][::0]|list }}"},
};

class HostileTemplate : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileTemplate, EndsWithAnError) {
  const auto start = std::chrono::steady_clock::now();
  Result<std::string> text = std::string();
  if (auto compiled = ChatTemplate::compile(GetParam().source, "hostile"); !compiled) {
    text = std::unexpected(compiled.error());
  } else {
    RenderRequest request;
    request.messages_json = R"([{"role":"user","content":"Hi"}])";
    text = compiled->render(request);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_FALSE(text) << text->substr(0, 100);
  EXPECT_TRUE(text.error().code.starts_with("template-")) << text.error().code << ": " << text.error().what;
  // A single operation that uses up time, memory or stack is ended from outside or by a panic, where nobody knows its place.
  bool place_is_known = true;
  for (const char* end : {"processor time", "MiB of memory", "recurses too deeply", "out of range"})
    place_is_known &= text.error().what.find(end) == std::string::npos;
  EXPECT_EQ(text.error().what.find(" at line ") != std::string::npos, place_is_known) << text.error().what;
  EXPECT_LT(seconds, 5) << "CPU time is limited to 0.7 s; a busy machine may take longer";
  rusage children{};
  getrusage(RUSAGE_CHILDREN, &children);
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(children.ru_maxrss, 200 * 1000) << "KB";
#endif
}

INSTANTIATE_TEST_SUITE_P(Kinds, HostileTemplate, ::testing::ValuesIn(kHostile),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace lupo
