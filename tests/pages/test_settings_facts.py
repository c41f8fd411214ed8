"""Settings that are made where the server is started: each is shown with the variable that makes it."""

import re
from pathlib import Path

import pytest
from django.test import Client

SOURCE = (Path(__file__).resolve().parents[2] / "engine_site" / "settings.py").read_text()


@pytest.mark.parametrize("tab", ["policies", "retention"])
def test_every_fact_names_a_variable_that_the_settings_read(admin: Client, tab: str) -> None:
    facts = admin.get(f"/settings/{tab}").context["facts"]
    assert facts
    assert [name for name, _, variable in facts if not re.search(rf'"{variable}"', SOURCE)] == []


def test_the_variable_stands_on_the_page(admin: Client) -> None:
    assert "ENGINE_RETENTION_DAYS" in admin.get("/settings/retention").content.decode()
