#!/usr/bin/env python3
"""Renders every template of this folder with every conversation, by Jinja2 as transformers sets it up.

    pip install jinja2==3.1.6 transformers==5.23.0
    python3 make_goldens.py            # writes <name>.json beside each <name>.jinja

A golden maps a conversation's name to the rendered text, or to null where Jinja2 raises. transformers passes None for absent
tools and documents; the templates meant for tool use alone then raise a TypeError, though they render when the variables are
left undefined. Where that is so the golden is the text for undefined ones.
"""
import datetime
import json
import pathlib

from transformers.utils import chat_template_utils

FOLDER = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 26, 14, 5, 9)  # conversations.h: kNow
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


class FixedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def render(source, conversation):
    chat_template_utils.datetime = FixedClock
    template = chat_template_utils._compile_jinja_template(source)
    variables = {name: conversation[name] for name in ("messages", "tools", "documents") if name in conversation}
    variables["add_generation_prompt"] = conversation.get("add_generation_prompt", True)
    variables |= SPECIAL | conversation.get("kwargs", {})
    try:
        return template.render({"tools": None, "documents": None} | variables)
    except TypeError:
        return template.render(variables)


def golden(source, conversations):
    rendered = {}
    for name, conversation in conversations.items():
        try:
            rendered[name] = render(source, conversation)
        except Exception:
            rendered[name] = None
    return rendered


def main():
    conversations = json.loads((FOLDER / "conversations.json").read_text())
    for path in sorted(FOLDER.glob("*.jinja")):
        rendered = golden(path.read_text(), conversations)
        path.with_suffix(".json").write_text(json.dumps(rendered, ensure_ascii=False, indent=0) + "\n")
        raised = sum(text is None for text in rendered.values())
        print(f"{path.stem}: {len(rendered)} renderings, {raised} raise")


if __name__ == "__main__":
    main()
