"""The job document: its JSON Schema, its examples, and what to tell people whose document is not one.

document, problems = parse(text)
report = check(document, tools=["aider", "codex"], source=text)
"""

from .files import example_texts, examples, load_schema
from .parse import parse
from .problems import Problem, Report
from .validate import check

__all__ = ["Problem", "Report", "check", "example_texts", "examples", "load_schema", "parse"]
