// The named chat templates: prompt formats of well-known model families, for files that carry no template of their own.
// Constants; thread-safe. Formats as the families' model cards describe them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace lupo {

struct BuiltinTemplate {
  std::string_view name;
  std::string_view body;  // Jinja; see builtin_source
};

std::span<const BuiltinTemplate> builtin_templates();

// The complete Jinja source: `body` behind the macro text(message), which joins the text parts of a message's content, and the
// variable `system`, the text of a leading system message.
std::string builtin_source(const BuiltinTemplate& builtin);

struct TemplateGuess {
  std::string_view name;    // of a built-in
  std::string_view marker;  // the special token that tells
};

// The built-in that fits a vocabulary; empty names when none does. `holds` says whether a token is in it.
TemplateGuess guess_template(const std::function<bool(std::string_view)>& holds);
// All tokens that guess_template may ask for.
std::span<const std::string_view> template_markers();

}  // namespace lupo
