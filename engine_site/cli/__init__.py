"""The `engine` command."""

import sys

from django.core.exceptions import ImproperlyConfigured

try:
    from engine_site.cli.main import main
except ImproperlyConfigured as fault:  # a variable of the environment, which the sentence names
    print(f"engine: {fault}", file=sys.stderr)
    sys.exit(78)  # EX_CONFIG

__all__ = ["main"]
