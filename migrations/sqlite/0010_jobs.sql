-- Long work that a worker of the server does. Twin of postgres/0010_jobs.sql.

-- A job is asked for by an audited command and does one under the key `job/ID`, so that it has one
-- effect however often it is begun. The row itself is mutable: it says how far the work is, and it
-- holds what the work needs and gives until somebody has no use for it. `lease_until` is the
-- moment at which a worker that has not been heard of counts as dead.
create table job (
  book_id integer not null,
  job_id integer not null,
  kind text not null,
  request text not null,
  input blob,
  user_id integer not null,
  roles text not null,
  state text not null,
  worker text,
  lease_until integer,
  begun integer not null,
  rows_done integer not null,
  rows_of integer not null,
  answer text,
  output blob,
  asked_at integer not null,
  ended_at integer,
  constraint pk_job primary key (book_id, job_id),
  constraint ck_job_state check (state in
    ('queued', 'running', 'stopping', 'done', 'refused', 'failed', 'cancelled')),
  constraint ck_job_rows check (rows_done >= 0 and rows_of >= 0),
  constraint ck_job_worker check (state not in ('running', 'stopping') or worker is not null)
) strict, without rowid;
create index ix_job_waiting on job (book_id, state, job_id);
