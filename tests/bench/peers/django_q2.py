"""Plain django-q2 with its ORM broker on SQLite."""

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django_q.models import Success  # noqa: E402
from django_q.tasks import async_task  # noqa: E402

from tests.bench.peers.roles import play  # noqa: E402

LIST = 200  # in one transaction, as Engine takes them


def submit(count: int) -> None:
    for first in range(0, count, LIST):
        with transaction.atomic():
            for _ in range(first, min(count, first + LIST)):
                async_task("tests.bench.peers.roles.run_true")


if __name__ == "__main__":
    play(
        worker=["-m", "django", "qcluster"],
        submit=submit,
        stored=Success.objects.count,
        prepare=lambda: call_command("migrate", verbosity=0),
    )
