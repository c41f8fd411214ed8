"""Writes docs/operations.md: every operation with its scope, from the OpenAPI document. `python -m tests.api.operations_table`"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCUMENT, PAGE = ROOT / "schema" / "openapi.json", ROOT / "docs" / "operations.md"
OWN = ("cancel", "retry", "escalate", "hold", "release", "close")
HEAD = """# Operations of the API

Made from `schema/openapi.json`; a test compares the two. Roles are groups: **viewer** has the scope read, **submitter**
read and submit, **reviewer** read and review, **operator** read, submit and operate, **admin** all of them. A token has
the scopes that it was made with, as far as its owner has them. What belongs to a project that somebody may not see
answers 404. *own*: with submit for one's own jobs and templates, with operate for all. *person*: by a session, never
by a token.

| Operation | Method and address | Scope | What it does |
| --- | --- | --- | --- |
"""


def table(document: dict[str, Any]) -> str:
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name, scope = operation["operationId"], operation["x-scope"]
            if name in {f"jobs_{verb}" for verb in OWN} | {"jobs_bulk", "templates_put", "templates_delete"}:
                scope += " (own)"
            if name in ("tokens_create", "tokens_revoke"):
                scope += " (person)"
            rows.append(f"| `{name}` | `{method.upper()} {path}` | {scope} | {operation['summary']} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(table(json.loads(DOCUMENT.read_text())))
