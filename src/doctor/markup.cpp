#include "doctor/markup.h"

#include <fmt/format.h>

#include <cmath>

#include "base/printable.h"

namespace lupo {
namespace {

bool stays_on_line(std::string_view tag) {
  return tag == "span" || tag == "strong" || tag == "code" || tag == "pre" || tag == "tspan" || tag == "a";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  return out;
}

std::string coordinate(double value) {
  if (!std::isfinite(value)) return "0";
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

void Markup::begin(std::string_view tag, Attributes attributes, std::string_view end) {
  out_.append("<").append(tag);
  for (const Attribute& attribute : attributes)
    out_.append(" ").append(attribute.name).append("=\"").append(escaped(attribute.value)).append("\"");
  out_.append(end);
}

Markup& Markup::open(std::string_view tag, Attributes attributes) {
  begin(tag, attributes, stays_on_line(tag) ? ">" : ">\n");
  open_.emplace_back(tag);
  return *this;
}

Markup& Markup::close() {
  if (open_.empty()) return *this;
  out_.append("</").append(open_.back()).append(stays_on_line(open_.back()) ? ">" : ">\n");
  open_.pop_back();
  return *this;
}

Markup& Markup::text(std::string_view text) {
  out_ += escaped(text);
  return *this;
}

Markup& Markup::leaf(std::string_view tag, Attributes attributes, std::string_view text) {
  begin(tag, attributes, ">");
  out_.append(escaped(text)).append("</").append(tag).append(stays_on_line(tag) ? ">" : ">\n");
  return *this;
}

Markup& Markup::empty(std::string_view tag, Attributes attributes) {
  begin(tag, attributes, " />\n");
  return *this;
}

Markup& Markup::style(std::string_view sheet) {
  out_.append("<style>\n").append(sheet).append("</style>\n");
  return *this;
}

std::string Markup::take() && {
  while (!open_.empty()) close();
  return std::move(out_);
}

}  // namespace lupo
