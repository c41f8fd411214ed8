"""What the documents say is true."""

import re
from pathlib import Path

import pytest

from jobs.states import NEXT

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_state_table_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \|$", text, re.MULTILINE)
    assert {state: set(following.split(", ")) for state, following in rows} == {
        str(state): {str(value) for value in following} for state, following in NEXT.items()
    }


def test_every_setting_that_the_readme_names_is_read_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "engine_site").rglob("*.py"))
    named = set(re.findall(r"`((?:ENGINE|PIPELINE|DATABASE)_[A-Z_]+)`", README))
    assert named and not {name for name in named if name not in code and name not in ("ENGINE_TOKEN", "ENGINE_URL")}


def test_every_make_target_that_the_documents_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"`(?:[A-Z]+=\S+ )?make ([\w-]+)`", path.read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{path.name}: make {target}"


def test_every_make_target_is_described() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    described = set(re.findall(r"^([\w-]+):.*## \w", makefile, re.MULTILINE))
    assert phony == described


@pytest.mark.parametrize("path", sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")]), ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!http|#)([^)#]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_the_top_level_is_as_planned() -> None:
    import subprocess

    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    top = {path.split("/")[0] for path in tracked}
    paper = {
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        "Makefile",
        "docs",
        ".ci",
        ".gitignore",
        ".pre-commit-config.yaml",
        ".python-version",
        "requirements",
    }
    assert top - paper == {
        "engine_site",
        "jobs",
        "adapters",
        "schema",
        "templates",
        "static",
        "tests",
        "manage.py",
        "pyproject.toml",
    }


def test_every_path_that_the_contributors_guide_names_exists() -> None:
    named = re.findall(r"`((?:jobs|adapters|engine_site|schema|templates|tests|docs)/[\w/.-]+)`", CONTRIBUTING)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_architecture_page_names_every_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = {path.parent for top in ("jobs", "adapters", "engine_site", "schema") for path in _packages(top)}
    assert packages
    assert [str(path) for path in sorted(packages) if not re.search(rf"\b{path.name}\b", text)] == []


def _packages(top: str) -> list[Path]:
    """The `__init__.py` of each package, those of migrations and of the Quick Reference left out."""
    found = [path.relative_to(ROOT) for path in (ROOT / top).rglob("__init__.py")]
    return [path for path in found if not {"migrations", "commands", "quick_reference"} & set(path.parts)]


def test_the_glossary_is_short_and_in_use() -> None:
    rows = re.findall(r"^\| ([\w, ]+) \| \w.+ \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)[1:]
    code = "".join(path.read_text().lower() for path in (ROOT / "jobs").rglob("*.py"))
    assert 20 <= len(rows) <= 30
    assert [row for row in rows for word in row.split(", ") if word.rstrip("e") not in code] == []
