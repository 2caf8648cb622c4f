#include "model/text/builtin_templates.h"

#include <array>
#include <vector>

namespace lupo {
namespace {

constexpr std::string_view kPrelude = R"({%- macro text(message) -%}
{%- if message.content is string -%}{{ message.content }}
{%- elif message.content -%}{%- for part in message.content if part.type == 'text' -%}{{ part.text }}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- set leads = messages and messages[0].role == 'system' -%}
{%- set system = text(messages[0]) if leads else '' -%}
{%- set turns = messages[1:] if leads else messages -%}
)";

constexpr auto kTemplates = std::to_array<BuiltinTemplate>({
    {"chatml", R"({%- for m in messages -%}
{{ '<|im_start|>' + m.role + '\n' + text(m) + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%})"},

    // The system message lives inside the first user turn.
    {"llama2", R"({%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ ' ' + text(m)|trim + ' ' + (eos_token or '') }}
{%- else -%}
{%- set before = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' if system and loop.first else '' -%}
{{ (bos_token or '') + '[INST] ' + before + text(m)|trim + ' [/INST]' }}
{%- endif -%}
{%- endfor -%})"},

    {"llama3", R"({{ bos_token or '' }}
{%- for m in messages -%}
{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + text(m)|trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%})"},

    {"gemma", R"({{ bos_token or '' }}
{%- for m in turns -%}
{%- set role = 'model' if m.role == 'assistant' else m.role -%}
{%- set before = system + '\n\n' if system and loop.first else '' -%}
{{ '<start_of_turn>' + role + '\n' + before + text(m)|trim + '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%})"},

    {"mistral-v1", R"({{ bos_token or '' }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ ' ' + text(m) + (eos_token or '') }}
{%- else -%}{{ ' [INST] ' + (system + '\n\n' if system and loop.first else '') + text(m) + ' [/INST]' }}
{%- endif -%}
{%- endfor -%})"},

    // Also called "mistral". The tokenizer version 3 closes the instruction without a blank before it.
    {"mistral", R"({{ bos_token or '' }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ ' ' + text(m) + (eos_token or '') }}
{%- else -%}{{ '[INST] ' + (system + '\n\n' if system and loop.first else '') + text(m) + '[/INST]' }}
{%- endif -%}
{%- endfor -%})"},

    {"mistral-tekken", R"({{ bos_token or '' }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ text(m) + (eos_token or '') }}
{%- else -%}{{ '[INST]' + (system + '\n\n' if system and loop.first else '') + text(m) + '[/INST]' }}
{%- endif -%}
{%- endfor -%})"},

    {"mistral-v7", R"({{ bos_token or '' }}
{%- for m in messages -%}
{%- if m.role == 'system' -%}{{ '[SYSTEM_PROMPT] ' + text(m) + '[/SYSTEM_PROMPT]' }}
{%- elif m.role == 'assistant' -%}{{ ' ' + text(m) + (eos_token or '') }}
{%- else -%}{{ '[INST] ' + text(m) + '[/INST]' }}
{%- endif -%}
{%- endfor -%})"},

    {"mistral-v7-tekken", R"({{ bos_token or '' }}
{%- for m in messages -%}
{%- if m.role == 'system' -%}{{ '[SYSTEM_PROMPT]' + text(m) + '[/SYSTEM_PROMPT]' }}
{%- elif m.role == 'assistant' -%}{{ text(m) + (eos_token or '') }}
{%- else -%}{{ '[INST]' + text(m) + '[/INST]' }}
{%- endif -%}
{%- endfor -%})"},

    {"phi3", R"({%- for m in messages -%}
{{ '<|' + m.role + '|>\n' + text(m) + '<|end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%})"},

    {"phi4", R"({%- for m in messages -%}
{{ '<|im_start|>' + m.role + '<|im_sep|>' + text(m) + '<|im_end|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant<|im_sep|>' }}{%- endif -%})"},

    {"zephyr", R"({%- for m in messages -%}
{{ '<|' + m.role + '|>\n' + text(m) + (eos_token or '') + '\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%})"},

    {"vicuna", R"({{ (bos_token or '') + (system + '\n\n' if system else '') }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ 'ASSISTANT: ' + text(m) + (eos_token or '') + '\n' }}
{%- else -%}{{ 'USER: ' + text(m) + '\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%})"},

    {"alpaca", R"({{ system + '\n\n' if system else '' }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ '### Response:\n' + text(m) + (eos_token or '') + '\n\n' }}
{%- else -%}{{ '### Instruction:\n' + text(m) + '\n\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '### Response:\n' }}{%- endif -%})"},

    {"deepseek", R"({{ (bos_token or '') + (system + '\n\n' if system else '') }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ 'Assistant: ' + text(m) + (eos_token or '') }}
{%- else -%}{{ 'User: ' + text(m) + '\n\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%})"},

    {"deepseek-v3", R"({{ (bos_token or '') + system }}
{%- for m in turns -%}
{%- if m.role == 'assistant' -%}{{ '<｜Assistant｜>' + text(m) + '<｜end▁of▁sentence｜>' }}
{%- else -%}{{ '<｜User｜>' + text(m) }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<｜Assistant｜>' }}{%- endif -%})"},

    {"command-r", R"({{ bos_token or '' }}
{%- set names = {'system': 'SYSTEM', 'assistant': 'CHATBOT'} -%}
{%- for m in messages -%}
{{ '<|START_OF_TURN_TOKEN|><|' + names.get(m.role, 'USER') + '_TOKEN|>' + text(m)|trim + '<|END_OF_TURN_TOKEN|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{%- endif -%})"},

    {"granite", R"({%- for m in messages -%}
{{ '<|start_of_role|>' + m.role + '<|end_of_role|>' + text(m) + '<|end_of_text|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif -%})"},

    {"falcon", R"({%- for m in messages -%}
{{ '<|' + m.role + '|>\n' + text(m) + ((eos_token or '') if m.role == 'assistant' else '') + '\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%})"},

    {"glm4", R"({{ '[gMASK]<sop>' }}
{%- for m in messages -%}
{{ '<|' + m.role + '|>\n' + text(m) }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- endif -%})"},

    {"exaone", R"({%- for m in messages -%}
{{ '[|' + m.role + '|]' + text(m)|trim + ('\n' if m.role == 'user' else '[|endofturn|]\n') }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '[|assistant|]' }}{%- endif -%})"},

    {"openchat", R"({{ bos_token or '' }}
{%- for m in messages -%}
{%- set speaker = 'GPT4 Correct ' + m.role|title + ': ' if m.role != 'system' else '' -%}
{{ speaker + text(m) + '<|end_of_turn|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'GPT4 Correct Assistant:' }}{%- endif -%})"},
});

struct Rule {
  std::string_view marker;
  std::string_view also;  // a second token that must be there, or ""
  std::string_view name;
};

// The first that matches wins: more particular formats come before those whose tokens they share.
constexpr auto kRules = std::to_array<Rule>({
    {"<|im_sep|>", "<|im_start|>", "phi4"},
    {"<|im_start|>", "", "chatml"},
    {"<|start_header_id|>", "", "llama3"},
    {"<start_of_turn>", "", "gemma"},
    {"[SYSTEM_PROMPT]", "[INST]", "mistral-v7"},
    {"[INST]", "", "mistral"},
    {"<|start_of_role|>", "", "granite"},
    {"<|START_OF_TURN_TOKEN|>", "", "command-r"},
    {"<｜User｜>", "", "deepseek-v3"},
    {"[|assistant|]", "", "exaone"},
    {"[gMASK]", "<|assistant|>", "glm4"},
    {"<|end|>", "<|assistant|>", "phi3"},
    {"<|end_of_turn|>", "", "openchat"},
    {"<|assistant|>", "", "zephyr"},
});

}  // namespace

std::span<const BuiltinTemplate> builtin_templates() { return kTemplates; }

std::string builtin_source(const BuiltinTemplate& builtin) { return std::string(kPrelude) + std::string(builtin.body); }

TemplateGuess guess_template(const std::function<bool(std::string_view)>& holds) {
  for (const Rule& rule : kRules)
    if (holds(rule.marker) && (rule.also.empty() || holds(rule.also))) return {rule.name, rule.marker};
  return {};
}

std::span<const std::string_view> template_markers() {
  static const std::vector<std::string_view> markers = [] {
    std::vector<std::string_view> all;
    for (const Rule& rule : kRules) {
      all.push_back(rule.marker);
      if (!rule.also.empty()) all.push_back(rule.also);
    }
    return all;
  }();
  return markers;
}

}  // namespace lupo
