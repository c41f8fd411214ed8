#!/usr/bin/env python
"""Django's command line for Engine."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engine_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as fault:  # a variable of the environment, which the sentence names
        sys.exit(f"manage.py: {fault}")
