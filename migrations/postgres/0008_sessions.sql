-- Signing in on the pages. Both tables change and are not sealed: they say who may come in just now,
-- not what was done. Every sign-in, refusal, lock-out and ending is an entry of the audit trail.
-- Twin of sqlite/0008_sessions.sql.

-- A session of a person at a browser. Only the SHA-256 of its token is kept, so that whoever reads
-- the table cannot take a session over. An ended session has no row.
create table web_session (
  begun_at bigint not null,
  seen_at bigint not null,
  ends_at bigint not null,
  book_id integer not null,
  session_no integer not null,
  user_id integer not null,
  token_hash bytea not null,
  language text collate "C" not null,
  agent text collate "C" not null,
  constraint pk_web_session primary key (book_id, token_hash),
  constraint uq_web_session_number unique (book_id, session_no)
);

-- What stands between a password and a session: failures in a row, the lock that follows from them,
-- whether a password given by another person must be changed first, and the second factor. Its
-- secret is in no report, export, evidence pack or page once it was shown to its owner.
create table sign_in_guard (
  locked_until bigint not null,
  factor_step bigint not null,
  book_id integer not null,
  user_id integer not null,
  failures integer not null,
  must_change integer not null,
  factor_state integer not null,
  factor_secret bytea not null,
  constraint pk_sign_in_guard primary key (book_id, user_id),
  constraint ck_sign_in_guard_factor check (factor_state in (0, 1, 2))
);
