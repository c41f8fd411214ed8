"""The live log of a page: the rows of one attempt as markup that htmx puts in its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from jobs.access import Actor, actor_of
from jobs.errors import NotAllowed, NotFound
from jobs.models import StepAttempt
from jobs.pages.logs.log_viewer import part_url
from jobs.pages.shared.log_lines import LogRow, content, row_html, rows_of
from jobs.pages.shared.numbers import whole_number
from jobs.services.reading.log_formats import Place, Told
from jobs.services.reading.log_news import News
from jobs.services.reading.log_stream import watch_log
from jobs.services.reading.logs import note_watched, open_log
from jobs.services.reading.sse import Message
from jobs.streaming.credentials import MayReadJob, credential_of
from jobs.streaming.responses import can_stream, event_stream

ROWS = 200  # in one message at most; a gap row takes the place of earlier ones and loads them on click
END = Message("end", "", "end")


@require_GET
def log_stream(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """The rows after line `from` as they come. 403 for who has not signed in: an event source follows no redirect."""
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    if not can_stream(request):
        return HttpResponse(status=404)
    actor = actor_of(request)
    attempt = _attempt(actor, job_id, whole_number(request.GET.get("attempt"), 0))
    last = request.headers.get("Last-Event-ID") or request.GET.get("from")
    permission = MayReadJob(credential_of(request, actor), attempt.job_id)
    return event_stream(watch_log(AttemptRows(attempt), Place(attempt.number, whole_number(last, 0)), permission))


def _attempt(actor: Actor, job_id: str, wanted: int) -> StepAttempt:
    try:
        actor.require("read")
        job = actor.job(job_id)
    except (NotFound, NotAllowed):
        raise Http404 from None
    rows = job.attempts.order_by("-number")
    attempt = (rows.filter(number=wanted) if wanted else rows).first()
    if attempt is None:
        raise Http404
    return attempt


@dataclass(frozen=True)
class AttemptRows:
    """The rows of one attempt, to its end; the id of a message is the last line in it.

    Of many lines at once the last ROWS come, and a gap before them.
    """

    attempt: StepAttempt

    @property
    def job_pk(self) -> int:
        return self.attempt.job_id

    def missed(self, place: Place) -> Told:
        attempt = StepAttempt.objects.select_related("job").get(pk=self.attempt.pk)
        final = attempt.is_final
        if not final:
            note_watched(attempt)
        log = open_log(attempt)
        last = log.lines_total if final else log.lines_whole
        messages = []
        if last > place.line:
            first = max(place.line + 1, last - ROWS + 1)
            rows = rows_of(log, log.lines(first, last - first + 1))
            messages.append(self._message(place, last, rows))
        messages += [END] if final else []
        return Told(messages, Place(place.attempt, max(place.line, last), ended=final))

    def news(self, place: Place, news: News) -> Told | None:
        if place.ended or news.number < self.attempt.number:
            return Told((), place)
        if news.number > self.attempt.number:
            return None  # this attempt has ended, and its log has the rest
        if news.first > place.line + 1 and len(news.lines) < ROWS:
            return None  # the rows between are too few to leave a gap
        messages = []
        if news.last > place.line or news.pending or news.ended:
            count = min(ROWS, len(news.lines), max(0, news.last - place.line))
            lines = news.lines[len(news.lines) - count :]
            rows = [LogRow(self.attempt, line, line.number in news.errors) for line in lines]
            messages.append(self._message(place, max(place.line, news.last), rows, self._pending(news)))
        messages += [END] if news.ended else []
        return Told(messages, Place(place.attempt, max(place.line, news.last), ended=news.ended))

    def _message(self, place: Place, last: int, rows: Sequence[LogRow], more: str = "") -> Message:
        first = rows[0].number if rows else last + 1
        gap = self._gap(place.line + 1, first - 1)
        return Message("", str(last), gap + "".join(map(row_html, rows)) + more)

    def _pending(self, news: News) -> str:
        """The line that has no end yet: it is replaced each time."""
        row = f"<li><code>{content(LogRow(self.attempt, news.pending))}</code></li>" if news.pending else ""
        return f'<hx-partial hx-target="#log-now" hx-swap="innerHTML">{row}</hx-partial>'

    def _gap(self, first: int, to: int) -> str:
        if to < first:
            return ""
        parts = part_url(self.attempt.job, self.attempt)
        context = {"first": first, "to": to, "count": to - first + 1, "parts": parts}
        return render_to_string("jobs/_log_gap.html", context).strip()
