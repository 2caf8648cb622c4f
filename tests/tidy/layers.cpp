// src/LAYERS against the includes that are there.
#include <algorithm>
#include <functional>
#include <regex>
#include <sstream>

#include "tidy/tidy.h"

namespace lupo::tidy {
namespace {

constexpr const char* kFile = "src/LAYERS";

bool holds(std::string_view folder, std::string_view path) {
  return path.starts_with(folder) && path.substr(folder.size()).starts_with('/');
}

void find_cycle(const Layers& layers, std::vector<Complaint>& complaints) {
  std::set<std::string> finished;
  std::vector<std::string> path;
  const std::function<bool(const std::string&)> visit = [&](const std::string& folder) {
    if (finished.contains(folder)) return false;
    path.push_back(folder);
    const auto open = std::find(path.begin(), path.end(), folder);
    if (open != path.end() - 1) {
      std::string cycle;
      for (auto step = open; step != path.end(); ++step) cycle += (cycle.empty() ? "" : " -> ") + *step;
      complaints.push_back({kFile, 0, "layers", "the folders form a cycle: " + cycle});
      return true;
    }
    const auto entry = layers.allowed.find(folder);
    if (entry != layers.allowed.end()) {
      for (const std::string& next : entry->second) {
        if (visit(next)) return true;
      }
    }
    path.pop_back();
    finished.insert(folder);
    return false;
  };
  for (const auto& [folder, allowed] : layers.allowed) {
    path.clear();
    if (visit(folder)) return;
  }
}

}  // namespace

Layers read_layers(const std::string& text, std::vector<Complaint>& complaints) {
  Layers layers;
  std::istringstream stream(text);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    const std::string folder = line.substr(0, colon);
    if (colon == std::string::npos || layers.allowed.contains(folder)) {
      complaints.push_back({kFile, number, "layers", "want one line `folder: folders` for each folder, found: " + line});
      continue;
    }
    std::istringstream names(line.substr(colon + 1));
    for (std::string name; names >> name;) layers.allowed[folder].insert(name);
    layers.allowed[folder];
  }
  for (const auto& [folder, allowed] : layers.allowed) {
    for (const std::string& name : allowed) {
      if (layers.folder_of(name + "/").empty())
        complaints.push_back({kFile, 0, "layers", folder + " lists " + name + ", which has no line"});
    }
  }
  find_cycle(layers, complaints);
  return layers;
}

std::string Layers::folder_of(std::string_view path) const {
  std::string longest;
  for (const auto& [folder, unused] : allowed) {
    if (holds(folder, path) && folder.size() > longest.size()) longest = folder;
  }
  return longest;
}

bool Layers::may_include(const std::string& from, std::string_view header) const {
  const std::string to = folder_of(header);
  const std::set<std::string>& listed = allowed.at(from);
  return to == from || to == "base" || listed.contains(to) || listed.contains(std::string(header));
}

void check_layers(const Layers& layers, const std::vector<Source>& sources, std::vector<Complaint>& complaints) {
  static const std::regex include("^ *# *include *\"([^\"]+)\"");
  for (const Source& source : sources) {
    if (!source.path.starts_with("src/") || source.code.empty()) continue;
    const std::string from = layers.folder_of(source.path.substr(4));
    if (from.empty()) {
      complaints.push_back({source.path, 0, "layers", std::string("its folder has no line in ") + kFile});
      continue;
    }
    for (size_t i = 0; i < source.lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(source.lines[i], match, include)) continue;
      const std::string header = match[1];
      const std::string to = layers.folder_of(header);
      if (to.empty() || layers.may_include(from, header)) continue;  // "" = generated, or not ours
      std::string allowed;
      for (const std::string& name : layers.allowed.at(from)) allowed += " " + name;
      complaints.push_back({source.path, static_cast<int>(i + 1), "layers",
                            from + " may not include " + to + " (\"" + header + "\"); it may include: base" + allowed});
    }
  }
}

}  // namespace lupo::tidy
