"""Errors of model providers: what their words and HTTP statuses mean, and when they will answer again."""

from __future__ import annotations

import math
import re
from datetime import datetime

from adapters.text import cut
from adapters.verdict import Reason, Verdict

# The first match counts: a quota error often comes as 429, a context error as 400.
TEXTS: tuple[tuple[Reason, str], ...] = (
    (
        Reason.CONTEXT_OVERFLOW,
        r"context.?window|context.?length|maximum context|prompt is too long|prompt_too_long|"
        r"ran out of room|ContextOverflow|input token count|too many input tokens",
    ),
    (
        Reason.QUOTA,
        r"quota|billing|credit balance|insufficient.?(?:credit|fund)|usage limit|spend(?:ing)? limit|"
        r"out of credits|premium requests?",
    ),
    (
        Reason.AUTH,
        r"unauthorized|unauthenticated|authentication|invalid.{0,12}api.?key|incorrect api key|"
        r"api.?key.{0,20}(?:missing|not (?:set|valid|found)|invalid)|no api key|missing.{0,12}api.?key|"
        r"not logged in|missing environment variable|please run /login|invalid auth method|auth method|"
        r"missing bearer|missing credentials|api.?key.{0,30}(?:required|must be set)",
    ),
    (
        Reason.MODEL_MISSING,
        r"model.{0,60}(?:not found|does not exist|not supported|unknown)|"
        r"(?:unknown|no such|invalid) model|model_not_found|try pulling it",
    ),
    (Reason.RATE_LIMITED, r"rate.?limit|too many requests|resource.?exhausted"),
    (
        Reason.OVERLOADED,
        r"overloaded|high demand|internal ?server ?error|service ?unavailable|bad gateway|"
        r"at capacity",
    ),
    (
        Reason.NETWORK,
        r"connection ?(?:refused|reset|error|aborted|closed)|cannot connect|could not connect|"
        r"econn(?:refused|reset)|enotfound|etimedout|eai_again|getaddrinfo|name resolution|fetch failed|"
        r"network (?:is unreachable|error)|timed? ?out|stream (?:disconnected|closed)",
    ),
)
COMPILED = tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in TEXTS)

STATUS_REASONS = {
    401: Reason.AUTH,
    403: Reason.AUTH,
    402: Reason.QUOTA,
    404: Reason.MODEL_MISSING,
    408: Reason.NETWORK,
    413: Reason.CONTEXT_OVERFLOW,
    429: Reason.RATE_LIMITED,
}

WAITING = (Reason.QUOTA, Reason.RATE_LIMITED, Reason.OVERLOADED)  # a provider may say until when

# A proxy's or a wrong address's answer, in the words of the parsers that met it.
WEB_PAGE = re.compile(
    r"<!doctype html|<html|text/html|unexpected token ['\"]?<|malformed response|invalid json response|"
    r"expect(?:ed|ing) value(?: at|:) line 1 column [01]\b|is not valid json",
    re.IGNORECASE,
)
NO_KEY = re.compile(
    r"missing environment variable|not logged in|no api.?key|please run /login|auth method|missing bearer|"
    r"missing.{0,12}(?:api.?key|credentials)|api.?key.{0,30}(?:missing|not set|required|must be set)|"
    r"credentials.{0,30}(?:missing|not set|must be set)",
    re.IGNORECASE,
)
NO_KEY_SENTENCE = "No key was given"
WEB_PAGE_SENTENCE = "A web page answered instead of the model's server; check the address and the proxy"

SENTENCES = {
    Reason.AUTH: "The provider refused the key",
    Reason.QUOTA: "The quota is used up",
    Reason.RATE_LIMITED: "Too many requests for the moment",
    Reason.OVERLOADED: "The model's server is in trouble",
    Reason.NETWORK: "The model's server cannot be reached",
    Reason.CONTEXT_OVERFLOW: "The conversation is too long for the model",
    Reason.MODEL_MISSING: "Unknown model",
}

STATUS_IN_TEXT = re.compile(r"(?:status|http|code|error)\W{0,3}(?:code\W{0,3})?([45]\d\d)\b", re.IGNORECASE)
RELATIVE = re.compile(
    r"(?:retry|try again|resets?|available)[^.\n]{0,30}?\b(?:in|after)\b:?\s+"
    r"(?:(\d+)\s*h\w*[ ,]*)?(?:(\d+)\s*m(?!s)\w*[ ,]*)?(?:(\d+(?:\.\d+)?)\s*(ms|s)?)?",
    re.IGNORECASE,
)
EPOCH = re.compile(r"(?:reset\w*\W{1,4}(?:at\W{1,3})?|limit reached\|)(1[5-9]\d{8}|[2-9]\d{9})\b", re.IGNORECASE)
ISO = re.compile(
    r"(?:reset|retry|again|available)\D{0,40}"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))",
    re.IGNORECASE,
)


def api_reason(text: str, status: int | None = None) -> Reason | None:
    """What a provider's error means; `text` narrows down what the HTTP status leaves open."""
    if status is None and (told := STATUS_IN_TEXT.search(text)):
        status = int(told[1])
    if WEB_PAGE.search(text) and status in (None, 200, 404):
        return Reason.NETWORK
    by_text = next((reason for reason, pattern in COMPILED if pattern.search(text)), None)
    by_status = STATUS_REASONS.get(status or 0)
    if status and status >= 500:
        by_status = Reason.OVERLOADED
    if by_status is None or (status in (403, 404, 413, 429) and by_text in (Reason.QUOTA, Reason.CONTEXT_OVERFLOW)):
        return by_text
    return by_status


def waiting_for(error: str) -> str:
    """What a tool that reports this error and goes on is doing."""
    return "waiting for the network" if api_reason(error) is Reason.NETWORK else "waiting for the model's server"


def api_failure(text: str, status: int | None, rule: str, now: float) -> Verdict | None:
    reason = api_reason(text, status)
    if reason is None:
        return None
    reset_at = reset_time(text, now) if reason in WAITING else None
    return Verdict(reason, cut(f"{sentence_for(reason, text)}: {text}"), rule, (cut(text),), reset_at)


def sentence_for(reason: Reason, text: str) -> str:
    """What the reason means here: no key at all is not a key that was refused."""
    if reason is Reason.AUTH and NO_KEY.search(text):
        return NO_KEY_SENTENCE
    if reason is Reason.NETWORK and WEB_PAGE.search(text):
        return WEB_PAGE_SENTENCE
    return SENTENCES[reason]


def reset_time(text: str, now: float) -> float | None:
    """When the provider says that it will answer again, in epoch seconds; None if that is no time at all."""
    try:
        return _reset_time(text, now)
    except (ValueError, OverflowError):  # a thirteenth month, a number of four hundred digits
        return None


def _reset_time(text: str, now: float) -> float | None:
    if found := EPOCH.search(text):
        return float(found[1])
    if found := ISO.search(text):
        return datetime.fromisoformat(found[1]).timestamp()
    for found in RELATIVE.finditer(text):
        hours, minutes, amount, unit = found.groups()
        if not any((hours, minutes, amount)):
            continue
        seconds = float(amount or 0) / (1000 if unit == "ms" else 1)
        found_at = now + int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds
        return found_at if math.isfinite(found_at) else None
    return None
