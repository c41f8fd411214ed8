"""Template tags and filters for states, times, sizes and addresses."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from jobs.access import NEEDS
from jobs.models import Job, StepAttempt
from jobs.pages.shared import charts, counting, labels
from jobs.roles import Scope

register = template.Library()
register.filter("duration", labels.duration)
register.filter("size", labels.size)
register.filter("counted", labels.counted)
register.filter("bounded", counting.shown)
register.filter("slots", charts.slot_marks)


@register.simple_tag
def icon(name: str, label: str = "", css: str = "icon") -> SafeString:
    """A glyph of icons.svg: silent, or with a label where no word stands beside it."""
    return _icon(static("icons.svg"), name, label, css)


@lru_cache(maxsize=512)
def _icon(file: str, name: str, label: str, css: str) -> SafeString:
    said = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="{}" {}><use href="{}#{}"/></svg>', css, said, file, name)


@register.simple_tag
def status(state: str, form: str = "", word: str = "") -> SafeString:
    """A state as glyph and word. `form`: "pill" for headers, "glyph" where the word stands elsewhere."""
    return _status(static("icons.svg"), str(state), form, word)


@lru_cache(maxsize=512)  # each row of a list has one
def _status(file: str, state: str, form: str, word: str) -> SafeString:
    look = labels.look(state)
    word = word or look.word
    css = "icon spin" if look.spin else "icon"
    if form == "glyph":
        glyph = _icon(file, look.glyph, word, css)
        return format_html('<span class="status" data-tone="{}">{}</span>', look.tone, glyph)
    kind = "status pill" if form == "pill" else "status"
    glyph = _icon(file, look.glyph, "", css)
    return format_html('<span class="{}" data-tone="{}">{}{}</span>', kind, look.tone, glyph, word)


@register.simple_tag
def iconref(state: str) -> str:
    """Where the glyph of a state is, for drawings that place it themselves."""
    return f"{static('icons.svg')}#{labels.look(state).glyph}"


@register.filter
def floatadd(value: float, more: float) -> str:
    return f"{value + more:g}"


@register.filter
def absolute(value: float) -> float:
    return abs(value)


@register.filter
def tone(state: str) -> str:
    return labels.look(str(state)).tone


@register.filter
def word(state: str) -> str:
    return labels.look(str(state)).word


@register.filter
def may(scope: Scope) -> str:
    """What a scope allows, as the refusals say it."""
    return NEEDS[scope].capitalize()


@register.filter
def reason(name: str) -> str:
    return labels.REASONS.get(name, name.replace("_", " "))


@register.simple_tag
def ago(moment: datetime | None, suffix: str = "") -> SafeString:
    """How long ago, with the full time on hover."""
    if moment is None:
        return mark_safe("–")
    text = labels.brief((timezone.now() - moment).total_seconds())
    return format_html('<time datetime="{}" title="{}" data-ago>{}</time>{}', _iso(moment), _full(moment), text, suffix)


@register.simple_tag
def since(moment: datetime | None) -> SafeString:
    """An elapsed time that goes on ticking in the browser; the server sends nothing for a clock."""
    if moment is None:
        return mark_safe("–")
    passed = labels.duration((timezone.now() - moment).total_seconds())
    return format_html('<time data-since="{}" title="{}">{}</time>', _iso(moment), _full(moment), passed)


@register.simple_tag
def until(moment: datetime | None) -> SafeString:
    """A countdown: `in 24s`."""
    if moment is None:
        return mark_safe("–")
    left = labels.duration((moment - timezone.now()).total_seconds())
    return format_html('<time data-until="{}" title="at {}">in {}</time>', _iso(moment), _full(moment), left)


@register.simple_tag
def clock(moment: datetime | None) -> SafeString:
    """The time of day; the date too when it was not today."""
    if moment is None:
        return mark_safe("–")
    shape = "%H:%M:%S" if moment.date() == timezone.now().date() else "%d %b %H:%M"
    return format_html('<time datetime="{}" title="{}">{}</time>', _iso(moment), _full(moment), moment.strftime(shape))


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _full(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@register.filter
def evidence(line: str) -> SafeString:
    """A line of evidence; the marks of a test report say which one failed."""
    text = str(line)[:300]
    if text.startswith(">"):
        return format_html('<span class="error-line">{}</span>', text)
    css = "ansi-red" if text.startswith("E ") else ""
    return format_html('<span class="{}">{}</span>\n', css, text) if css else format_html("{}\n", text)


@register.filter
def usage(counts: dict[str, Any]) -> str:
    """`184 k input tokens, 12 k output tokens, cost 1.42 usd`."""
    parts = []
    for name, value in counts.items():
        label = name.replace("_", " ")
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if "usd" in name:
            parts.append(f"${value:.2f}")
        else:
            parts.append(f"{value / 1000:.0f} k {label}" if value >= 10_000 else f"{value:,} {label}")
    return ", ".join(parts)


@register.filter
def short(job_id: str) -> str:
    """Ids end in a number as a rule; that is what people say. Others are shown whole."""
    tail: str = job_id.rpartition("-")[2]
    return tail if tail.isdigit() and len(tail) >= 3 else job_id


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's address with some parameters set, or removed by None; cursors are dropped."""
    params = context["request"].GET.copy()
    for gone in ("before", "after", "page"):
        params.pop(gone, None)
    for key, value in changes.items():
        if value is None:
            params.pop(key, None)
        elif isinstance(value, list | tuple):
            params.setlist(key, list(value))
        else:
            params[key] = value
    return f"?{params.urlencode()}"


@register.simple_tag
def log_address(job: Job, attempt: StepAttempt, line: int | None = None) -> str:
    """An attempt's log, at a line if one is known."""
    address = f"{reverse('job-log', args=[job.job_id])}?attempt={attempt.number}"
    return f"{address}&line={line}#L{line}" if line else address
