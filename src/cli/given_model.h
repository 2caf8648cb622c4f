// Models as a command names them: a file here, an address, or all that a repository publishes. Of what is not here only headers
// are read, which is enough to plan and to inspect.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/repository.h"
#include "model/model.h"

namespace lupo::cli {

struct RemoteSource {
  Published published;
  int64_t file_bytes = 0, fetched_bytes = 0;  // of all its files; 0 fetched: the headers were kept from an earlier run
  std::string fetch;                          // the command
};
nlohmann::ordered_json to_json(const RemoteSource& source);
void print(const RemoteSource& source);

struct GivenModel {
  std::string path;          // of its (first) file, or its address
  std::string command_path;  // as commands call it: of a remote one the name that it has once it is fetched
  Model model;
  std::optional<RemoteSource> remote{};
  bool is_one_of_several = false;  // that its repository publishes
};

// Calls `use` with each model that `argument` names. Of several, one that cannot be read or used is left out, with a note;
// it is an error when none is left.
Result<void> for_each_given(const std::string& argument, const std::function<Result<void>(const GivenModel&)>& use);

// Where models of different files are compared: 8192 tokens, or what the model was trained for when that is less.
int64_t compared_context(const Model& model);

// Opens the file that `argument` names, as often as it is called. Error {cli, usage} where a repository has several.
Result<std::function<Result<gguf::File>()>> opener_of(const std::string& argument);

}  // namespace lupo::cli
