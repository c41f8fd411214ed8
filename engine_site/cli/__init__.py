"""The `engine` command."""

from engine_site.cli.main import main

__all__ = ["main"]
