"""Huey on SQLite, with worker processes."""

from huey import SqliteHuey

from tests.bench.peers.roles import HOME, WORKERS, play, run_true

huey = SqliteHuey("bench", filename=str(HOME / "huey.db"))
task = huey.task()(run_true)


def submit(count: int) -> None:
    for _ in range(count):
        task()


if __name__ == "__main__":
    consumer = ["-m", "huey.bin.huey_consumer", "tests.bench.peers.huey_sqlite.huey", "-k", "process", "-w", WORKERS]
    play(worker=consumer, submit=submit, stored=huey.result_count)
