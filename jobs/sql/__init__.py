"""The statements of the hot path, for any number of rows: one text for SQLite and PostgreSQL, one module per table.

* They run in the caller's transaction, on the database of the current `db.using` block.
* Each names the index that it reads by; tests take their plans on a long history.
* A change names the fence and the old status of each row: what another process was faster with is not changed.
* A status beside an id is written `status || ''`, so that no index by status is taken instead of the key: statistics from
  a time without queued jobs would make PostgreSQL read all that are queued now, once for each row.
* `FOR UPDATE` is left out on SQLite, where the transaction holds the writer's lock from its start.
"""
