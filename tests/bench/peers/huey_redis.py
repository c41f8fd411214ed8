"""Huey on Redis, with worker processes."""

from huey import RedisHuey

from tests.bench.peers.roles import HOME, REDIS, WORKERS, play, run_true

huey = RedisHuey(f"bench-{HOME.name}", url=REDIS)
task = huey.task()(run_true)


def submit(count: int) -> None:
    for _ in range(count):
        task()


if __name__ == "__main__":
    consumer = ["-m", "huey.bin.huey_consumer", "tests.bench.peers.huey_redis.huey", "-k", "process", "-w", WORKERS]
    play(worker=consumer, submit=submit, stored=huey.result_count, clean=huey.storage.flush_all)
