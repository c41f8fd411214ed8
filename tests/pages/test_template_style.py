"""The templates as text: short lines, and no class that nothing styles."""

import re
from pathlib import Path

import pytest
from django.template import Engine
from django.template.loader import get_template

from engine_site.template_loader import Loader

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
TAG_OR_VALUE = re.compile(r"{%.*?%}|{{.*?}}")
CLASS = re.compile(r'\bclass="((?:{%.*?%}|{{.*?}}|[^"])*)"', re.DOTALL)


def known_classes() -> set[str]:
    """Words after a dot in the style sheet, and words that a script gives as text."""
    css = (ROOT / "static" / "engine.css").read_text()
    scripts = "".join(path.read_text() for path in (ROOT / "static").glob("*.js"))
    return set(re.findall(r"\.([a-z][\w-]*)", css)) | set(re.findall(r'"([a-z][\w-]*)"', scripts))


def classes_of(text: str) -> set[str]:
    return {word for value in CLASS.findall(text) for word in TAG_OR_VALUE.sub(" ", value).split()}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_line_of_a_template_is_longer_than_140_characters(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if len(line) > 140] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_class_in_a_template_is_styled_or_scripted(path: Path) -> None:
    assert classes_of(path.read_text()) - known_classes() == set()


def test_a_class_with_a_condition_in_it_is_read_in_parts() -> None:
    assert classes_of('<a class="button{% if a == "b" %} bad{% endif %} {{ more }}">') == {"button", "bad"}


def test_a_page_leaves_out_the_indentation_of_its_templates() -> None:
    template = get_template("errors/_rows.html")
    assert "\n  <tr" in Path(template.origin.name).read_text()
    source = Loader(Engine.get_default(), dirs=[ROOT / "templates"]).get_contents(template.origin)
    assert not re.search(r"^[ \t]", source, re.MULTILINE)
    assert source.count("\n") == Path(template.origin.name).read_text().count("\n")  # line numbers of errors stay true
