"""Celery with Redis as broker and as store of results, with worker processes."""

from celery import Celery

from tests.bench.peers.roles import HOME, REDIS, WORKERS, play, run_true

BROKER = REDIS.replace("unix://", "redis+socket://")
app = Celery("bench", broker=BROKER, backend=BROKER)
app.conf.update(task_default_queue=HOME.name, result_expires=600, broker_connection_retry_on_startup=True)
task = app.task(name="bench.true")(run_true)
keys: list[str] = []


def submit(count: int) -> None:
    keys.extend(app.backend.get_key_for_task(task.delay().id) for _ in range(count))


def stored() -> int:
    return int(app.backend.client.exists(*keys))


if __name__ == "__main__":
    words = ["worker", "-c", WORKERS, "-P", "prefork", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
    play(worker=["-m", "celery", "-A", "tests.bench.peers.celery_redis", *words], submit=submit, stored=stored)
