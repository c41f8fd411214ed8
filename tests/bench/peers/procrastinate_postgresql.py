"""Procrastinate on PostgreSQL, with jobs in threads of one worker."""

from procrastinate import App, PsycopgConnector

from tests.bench.peers.roles import POSTGRESQL, WORKERS, play, run_true

LIST = 200
app = App(connector=PsycopgConnector(conninfo=POSTGRESQL))
task = app.task(name="bench.true")(run_true)


def submit(count: int) -> None:
    for first in range(0, count, LIST):
        task.batch_defer(*[{}] * min(LIST, count - first))


def stored() -> int:
    query = "SELECT count(*) AS done FROM procrastinate_jobs WHERE status = 'succeeded'"
    return int(app.connector.get_sync_connector().execute_query_one(query)["done"])


if __name__ == "__main__":
    command = ["-m", "procrastinate", "--app=tests.bench.peers.procrastinate_postgresql.app", "worker"]
    with app.open():
        play(
            worker=[*command, "--concurrency", WORKERS],
            submit=submit,
            stored=stored,
            prepare=app.schema_manager.apply_schema,
        )
