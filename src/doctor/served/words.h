// How a setting is said to a server: a Modelfile line or variable of Ollama, a flag of llama-server.
//
// Names and paths come from the server and go into commands that a person may paste: what is not plain becomes a placeholder.
#pragma once

#include <string>
#include <string_view>

#include "doctor/served/served.h"

namespace lupo {

// `text` when it is letters, digits and ._:/@+- and does not begin with "-"; else `placeholder`.
std::string plain_or(std::string_view text, std::string_view placeholder);

// Ollama: a model of its own with that line. "printf 'FROM qwen3:4b\nPARAMETER num_ctx 8192\n' > Modelfile && ollama create …"
std::string with_modelfile_line(const Served& served, std::string_view line);

// llama-server: its command with other flags. "llama-server -m model.gguf -fa on  # and your other flags"
std::string with_flags(const Served& served, std::string_view flags);

struct Words {
  std::string_view modelfile, variable;  // Ollama: a line such as "PARAMETER num_ctx 8192", or "OLLAMA_FLASH_ATTENTION=1"
  std::string_view flags;                // llama-server: "-fa on"
  std::string_view otherwise;            // any other server: words for its operator
};
// The one for this server's kind; Ollama: the Modelfile line, and the variable after it or alone.
std::string say(const Served& served, const Words& words);

}  // namespace lupo
