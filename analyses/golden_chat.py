#!/usr/bin/env python3
"""Makes tests/data/chat/golden.json: chat templates, conversations, and what the package transformers renders.

    VENV/bin/python analyses/golden_chat.py

The environment is that of golden_forward.py. The templates are written here, in the ways of published ones: ChatML with a
system message of its own, messages that must alternate, Python's methods of strings, namespaces, slices, and loops that
"""

import json
import pathlib
import sys

from transformers.utils.chat_template_utils import render_jinja_template

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "chat" / "golden.json"
SPECIAL = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>")
SYSTEM, USER = dict(role="system", content="Answer  briefly. "), dict(role="user", content=" What is 'two' & <two>?\n")
ANSWER = dict(role="assistant", content="Four, {{ not a variable }}.")
CONVERSATIONS = [[USER], [SYSTEM, USER], [USER, ANSWER, USER], [SYSTEM, USER, ANSWER, USER]]
TEMPLATES = {
    "chatml": """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are helpful<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}""",
    "alternating": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim + '\\n\\n' %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = '' %}
{%- endif %}
{% for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if loop.index0 == 0 %}{% set content = system_message + message['content'] %}
    {%- else %}{% set content = message['content'] %}{% endif %}
    {%- if message['role'] == 'user' %}
        {{- '[INST] ' + content.strip() + ' [/INST]' }}
    {%- elif message.role == 'assistant' %}
        {{- ' ' ~ content.strip() ~ eos_token }}
    {%- endif %}
{% endfor %}
""",
    "turns": """{{ bos_token }}{%- set ns = namespace(found=false, last='') -%}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}{%- set ns.found = true -%}{%- continue -%}{%- endif -%}
  {%- set role = 'model' if message.role == 'assistant' else message.role -%}
  {%- set ns.last = role -%}
<start_of_turn>{{ role }}
{{ message.content | trim }}<end_of_turn>
{% endfor -%}
{%- if ns.found %}(system){% endif -%}
{%- if add_generation_prompt and ns.last is defined -%}
<start_of_turn>model
{% endif -%}""",
    "methods": """{%- for message in messages[::-1] %}
    {%- if message.content.startswith(' ') or message.content is string %}
{{ message.role.upper() }}: {{ message.content.split('two')[0].rstrip('\\n') }} {{ message.content | length }}
    {%- endif %}
    {%- if loop.index >= 2 %}{% break %}{% endif %}
{% endfor %}
{{ messages | map(attribute='role') | join(', ') }} {{ messages[-1] | tojson }}""",
}


def render(template, conversation):
    try:
        text, _ = render_jinja_template([conversation], chat_template=template, add_generation_prompt=True, **SPECIAL)
        return dict(text=text[0])
    except Exception as error:
        return dict(refused=str(error))


def main():
    cases = [dict(name=name, template=template, messages=conversation) | render(template, conversation)
             for name, template in TEMPLATES.items() for conversation in CONVERSATIONS]
    import transformers
    made = f"transformers {transformers.__version__}"
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(dict(made_by=made, special=SPECIAL, cases=cases), indent=1) + "\n")
    print(f"{len(cases)} cases, {sum('refused' in case for case in cases)} refused")


if __name__ == "__main__":
    main()
