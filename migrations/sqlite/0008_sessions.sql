-- Signing in on the pages. Both tables change and are not sealed: they say who may come in just now,
-- not what was done. Every sign-in, refusal, lock-out and ending is an entry of the audit trail.
-- Twin of postgres/0008_sessions.sql.

-- A session of a person at a browser. Only the SHA-256 of its token is kept, so that whoever reads
-- the table cannot take a session over. An ended session has no row.
create table web_session (
  book_id integer not null,
  session_no integer not null,
  user_id integer not null,
  token_hash blob not null,
  language text not null,
  agent text not null,
  begun_at integer not null,
  seen_at integer not null,
  ends_at integer not null,
  constraint pk_web_session primary key (book_id, token_hash),
  constraint uq_web_session_number unique (book_id, session_no)
) strict, without rowid;

-- What stands between a password and a session: failures in a row, the lock that follows from them,
-- whether a password given by another person must be changed first, and the second factor. Its
-- secret is in no report, export, evidence pack or page once it was shown to its owner.
create table sign_in_guard (
  book_id integer not null,
  user_id integer not null,
  failures integer not null,
  locked_until integer not null,
  must_change integer not null,
  factor_state integer not null,
  factor_secret blob not null,
  factor_step integer not null,
  constraint pk_sign_in_guard primary key (book_id, user_id),
  constraint ck_sign_in_guard_factor check (factor_state in (0, 1, 2))
) strict, without rowid;
