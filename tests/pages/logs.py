"""Log files as the shim writes them, for tests of pages."""

import json
from collections.abc import Iterable

from adapters.process.keeper.log.index import ENTRY
from jobs.models import StepAttempt


def write_log(
    attempt: StepAttempt, lines: Iterable[str | bytes], *, errors: Iterable[int] = (), end: bytes = b"\n"
) -> None:
    directory = attempt.directory
    directory.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, bytes) else line.encode() for line in lines]
    wrong, offset, number = set(errors), 0, 0
    with (directory / "output.idx").open("wb") as index, (directory / "errors.idx").open("w") as found:
        for number, text in enumerate(texts, 1):
            if number % 500 == 1:
                index.write(ENTRY.pack(number, offset, 1_790_000_000_000_000 + number))
            if number in wrong:
                row = {"line": number, "offset": offset, "text": text.decode("utf-8", "replace")}
                found.write(json.dumps(row) + "\n")
            offset += len(text) + 1
    body = b"\n".join(texts) + (end if texts else b"")
    (directory / "output.log").write_bytes(body)
    StepAttempt.objects.filter(pk=attempt.pk).update(log_lines=number, log_bytes=len(body))
