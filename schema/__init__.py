"""Job documents: their JSON Schema, examples, and validation with messages for people.

document, problems = parse(text)
report = check(document, tools=["aider", "codex"], source=text)
"""

from .files import example_texts, examples, load_schema
from .options import JobOptions
from .parse import parse
from .problems import Problem, Report
from .validate import check

__all__ = ["JobOptions", "Problem", "Report", "check", "example_texts", "examples", "load_schema", "parse"]
