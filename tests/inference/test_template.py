"""Chat templates: as the model's maker meant them, and harmless when a stranger made them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cloudchamber.inference.template import MAX_TEMPLATE, ChatTemplate, Rendered

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
HELLO = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture
def opened() -> Iterator[list[ChatTemplate]]:
    templates: list[ChatTemplate] = []
    yield templates
    for template in templates:
        template.close()


def render(opened: list[ChatTemplate], source: str, prompt: str = "Hello") -> Rendered:
    opened.append(ChatTemplate(source, "<s>", "</s>"))
    return opened[-1].render(prompt)


def test_a_common_template_twice(opened: list[ChatTemplate]) -> None:
    template = ChatTemplate(CHATML, "<s>", "</s>")
    opened.append(template)
    assert template.render("Hello") == Rendered(HELLO, "")
    assert template.render("Ünï 🎉").text == HELLO.replace("Hello", "Ünï 🎉")


def test_what_templates_of_the_field_use(opened: list[ChatTemplate]) -> None:
    source = (
        "{{ bos_token }}{%- for m in messages -%}\n    {%- if loop.index > 5 %}{% break %}{% endif -%}\n"
        "{{ m | tojson }}{% endfor %}{{ eos_token }}{% if tools %}no{% endif %}{{ strftime_now('%Y')[:2] }}"
    )
    assert render(opened, source).text == '<s>{"role": "user", "content": "Hello"}</s>20'


HOSTILE = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}",
    "silent loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "doubling": "{% set ns = namespace(s='aaaaaaaa') %}"
    "{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "repeating": "{{ 'a' * 99999999999 }}",
    "padding": "{{ 'a' | center(99999999999) }}",
    "power": "{{ 9 ** (9 ** 9) }}",
    "long": "{% for i in range(9000) %}{{ 'abcdefghij' * 100 }}{% endfor %}",
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "files": "{% include '/etc/passwd' %}",
    "mutation": "{{ messages.append(1) }}",
    "refusal": "{{ raise_exception('Only system prompts.') }}",
    "syntax": "{% for %}",
    "size": "{# " + "x" * MAX_TEMPLATE + " #}hi",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_template_costs_seconds_and_nothing_else(opened: list[ChatTemplate], name: str) -> None:
    began = time.monotonic()
    rendered = render(opened, HOSTILE[name])
    assert time.monotonic() - began < 15
    assert rendered.text == "Hello"
    assert rendered.notice.startswith("The model's chat template failed (")
    assert "passwd" not in rendered.text
    assert len(rendered.notice) < 700
    # And the next one works.
    assert render(opened, CHATML).text == HELLO


def test_a_known_form_that_fails_is_rendered_by_llama_cpp(opened: list[ChatTemplate]) -> None:
    rendered = render(opened, CHATML + "{{ undefined_function() }}")
    assert rendered.text == HELLO
    assert "built-in" in rendered.notice
