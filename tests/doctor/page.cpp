#include "doctor/page.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace lupo {
namespace {

constexpr std::array<std::pair<std::string_view, char>, 5> kReferences = {
    {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}}};

class Parser {
 public:
  explicit Parser(std::string_view html) : rest_(html) {}

  Page run() {
    if (!skip("<!DOCTYPE html>")) stop("no doctype");
    while (page_.problem.empty() && !rest_.empty()) rest_[0] == '<' ? tag() : text();
    if (page_.problem.empty() && !open_.empty()) stop("<" + open_.back() + "> is not closed");
    if (page_.problem.empty() && page_.count("html") != 1) stop("not one <html>");
    return page_;
  }

 private:
  void stop(const std::string& why) {
    if (page_.problem.empty()) page_.problem = why + " before: " + std::string(rest_.substr(0, 120));
    rest_ = {};
  }
  bool skip(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }
  std::string name() {
    size_t n = 0;
    while (n < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[n])) != 0 || rest_[n] == '-')) ++n;
    const std::string found(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return found;
  }
  std::string attribute_value() {
    const size_t end = rest_.find('"');
    if (end == std::string_view::npos) return stop("value without an end"), "";
    const std::string value(rest_.substr(0, end));
    if (value.find_first_of("<>") != std::string::npos) stop("< or > in a value");
    plain(value);
    if (page_.problem.empty()) rest_.remove_prefix(end + 1);
    return value;
  }
  // With references replaced.
  std::string plain(std::string_view text) {
    std::string out;
    while (!text.empty()) {
      const auto* found = std::ranges::find_if(kReferences, [&](const auto& r) { return text.starts_with(r.first); });
      if (found != kReferences.end()) {
        out += found->second;
        text.remove_prefix(found->first.size());
      } else if (text[0] == '&' || text[0] == '>') {
        stop("a bare " + std::string(text.substr(0, 1)));
        return out;
      } else {
        out += text[0];
        text.remove_prefix(1);
      }
    }
    return out;
  }
  void text() {
    const size_t end = std::min(rest_.find('<'), rest_.size());
    page_.text += plain(rest_.substr(0, end));
    if (page_.problem.empty()) rest_.remove_prefix(end);
  }
  void tag() {
    if (skip("</")) {
      const std::string closed = name();
      if (open_.empty() || open_.back() != closed) return stop("</" + closed + "> closes nothing");
      open_.pop_back();
      if (!skip(">")) stop("no end of </" + closed);
      return;
    }
    skip("<");
    Element element{name(), {}};
    if (element.tag.empty()) return stop("a tag without a name");
    while (skip(" ")) {
      if (rest_.starts_with("/>")) break;
      const std::string key = name();
      if (key.empty() || !skip("=\"")) return stop("an attribute without a quoted value");
      element.attributes.emplace_back(key, attribute_value());
    }
    page_.elements.push_back(element);
    if (skip("/>")) return;
    if (!skip(">")) return stop("no end of <" + element.tag);
    open_.push_back(element.tag);
    if (element.tag == "style") rest_.remove_prefix(std::min(rest_.find("</style>"), rest_.size()));
  }

  std::string_view rest_;
  std::vector<std::string> open_;
  Page page_;
};

}  // namespace

int Page::count(const std::string& tag) const { return static_cast<int>(std::ranges::count(elements, tag, &Element::tag)); }

Page parse_page(const std::string& html) {
  std::string trimmed = html;
  while (!trimmed.empty() && trimmed.back() == '\n') trimmed.pop_back();
  return Parser(trimmed).run();
}

}  // namespace lupo
