"""Template tags for the lines of a log."""

from django import template

from jobs.pages.shared import log_lines

register = template.Library()
register.simple_tag(log_lines.row_html, name="log_line")
register.filter("log_text", log_lines.content)
