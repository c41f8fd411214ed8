from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from jobs.services.maintenance.retention import preview, prune


class Command(BaseCommand):
    help = "Remove jobs that ended long ago, with their attempts, logs and events. The cluster does it by itself, too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=settings.ENGINE_RETENTION_DAYS)
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        done = preview(options["days"]) if options["dry_run"] else prune(options["days"], by="prune")
        verb = "would go" if options["dry_run"] else "removed"
        megabytes = done.log_bytes / 1e6
        self.stdout.write(f"{done.jobs} jobs, {done.attempts} attempts, {megabytes:.1f} MB of logs {verb}.")
