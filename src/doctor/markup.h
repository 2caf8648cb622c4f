// HTML and SVG that are well-formed whatever the text: elements close in their order, and every text and attribute value is
// escaped here and nowhere else. Text may be hostile: names and paths come from files and servers.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lupo {

// `text` as HTML's text or a quoted attribute value: control bytes made visible, invalid UTF-8 replaced (see printable), then
// & < > " ' as references.
std::string escaped(std::string_view text);

// A coordinate or a length, at most two decimals. What is not finite becomes 0.
std::string coordinate(double value);

class Markup {
 public:
  struct Attribute {
    std::string_view name;
    std::string value;
  };
  using Attributes = std::initializer_list<Attribute>;

  Markup& open(std::string_view tag, Attributes attributes = {});
  Markup& close();  // the element that was opened last
  Markup& text(std::string_view text);
  Markup& leaf(std::string_view tag, Attributes attributes, std::string_view text);  // with text alone in it
  Markup& empty(std::string_view tag, Attributes attributes);                        // "<rect … />"
  Markup& style(std::string_view sheet);                                             // of our own: not escaped
  std::string take() &&;                                                             // closes what is open

 private:
  void begin(std::string_view tag, Attributes attributes, std::string_view end);

  std::string out_ = "<!DOCTYPE html>\n";
  std::vector<std::string> open_;
};

}  // namespace lupo
