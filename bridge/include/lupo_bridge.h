/* C interface of the Rust crates in bridge/. No call unwinds, prints or exits; a panic inside becomes LUPO_STATUS_RENDER.
   All text is UTF-8 with an explicit size. Thread-safe. */
#ifndef LUPO_BRIDGE_H
#define LUPO_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lupo_slice {
  const char* data; /* may be null when size is 0 */
  size_t size;      /* bytes */
} lupo_slice;

typedef enum lupo_status {
  LUPO_STATUS_OK = 0,
  LUPO_STATUS_SYNTAX = 1,   /* the template does not compile */
  LUPO_STATUS_RENDER = 2,   /* it failed while it ran */
  LUPO_STATUS_RAISED = 3,   /* it called raise_exception; text is its message */
  LUPO_STATUS_LIMIT = 4,    /* it used up its fuel, depth or output limit */
  LUPO_STATUS_INPUT = 5,    /* a JSON argument is malformed; text begins with the argument's name */
  LUPO_STATUS_INTERNAL = 6, /* our bug */
} lupo_status;

/* What a call gives back: the rendered text, or one sentence that says what is wrong. The caller frees it. */
typedef struct lupo_text {
  char* data;
  size_t size;     /* bytes, no terminator counted */
  size_t capacity; /* for lupo_text_free */
  int32_t status;  /* lupo_status */
  uint32_t line, column; /* of the template (or of the JSON argument), from 1; 0 = unknown. Columns count characters. */
} lupo_text;

void lupo_text_free(lupo_text text);

/* ---- chat templates: Hugging Face's Jinja dialect, by minijinja ----
   A hostile template ends with LUPO_STATUS_LIMIT wherever the engine can tell; what it cannot (deep recursion, one huge
   operation) needs a process with limits around the call: base/isolated.h. */

typedef struct lupo_render_input {
  lupo_slice messages;  /* JSON array */
  lupo_slice tools;     /* JSON array, or empty for none */
  lupo_slice documents; /* JSON array, or empty for none */
  lupo_slice kwargs;    /* JSON object of further variables, or empty */
  lupo_slice bos_token; /* text; empty = undefined in the template */
  lupo_slice eos_token;
  int64_t now;          /* seconds since 1970 in local time, for strftime_now */
  int32_t add_generation_prompt;
} lupo_render_input;

/* Compiles only; the text is empty when the template is fine. */
lupo_text lupo_template_check(lupo_slice source);
lupo_text lupo_template_render(lupo_slice source, const lupo_render_input* input);

#ifdef __cplusplus
}
#endif

#endif
