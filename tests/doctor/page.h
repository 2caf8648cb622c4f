// Looks at a page as strictly as XML would, and at what it asks of the world.
#pragma once

#include <string>
#include <vector>

namespace lupo {

struct Element {
  std::string tag;
  std::vector<std::pair<std::string, std::string>> attributes;  // values as written, with their references
};

struct Page {
  std::string problem;            // the first thing that is not well-formed, with the text around it; "" = none
  std::vector<Element> elements;  // in their order
  std::string text;               // outside of tags and of <style>, references replaced
  int count(const std::string& tag) const;
};
// Every element closed in its order or by "/>", every value quoted, no bare < & > in text, only known references, one <html>.
Page parse_page(const std::string& html);

}  // namespace lupo
