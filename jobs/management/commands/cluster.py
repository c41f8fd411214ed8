from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.errors import Refused
from jobs.queue.cluster import EngineCluster
from jobs.queue.restart import run_again
from jobs.services.maintenance import nodes
from jobs.services.maintenance.monitor import NodeMonitor


class Command(BaseCommand):
    help = "Run jobs on this host until a signal. Use this instead of qcluster: it survives kills and stops within a bound."

    stealth_options = ("runs_again",)  # off for `engine up`, which starts itself again

    def handle(self, *args: Any, **options: Any) -> None:
        cluster = EngineCluster(on_tick=NodeMonitor().tick)
        try:
            nodes.register()
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        cluster.run()
        nodes.sign_off()
        if cluster.restarts and options.get("runs_again", True):
            run_again()
