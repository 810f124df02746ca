-- Tokens of programs that use the REST interface. Twin of sqlite/0009_tokens.sql.

-- A token acts as its user, with these roles at most and until it expires. hash is SHA-256 of the
-- secret, which is 256 random bits and so needs no slow hash; the secret itself is nowhere.
create table api_token (
  created_at bigint not null,
  expires_at bigint not null,
  seal bigint not null,
  book_id integer not null,
  token_id integer not null,
  user_id integer not null,
  entry integer not null,
  name text collate "C" not null,
  roles text collate "C" not null,
  hash bytea not null,
  constraint pk_api_token primary key (book_id, token_id) with (fillfactor = 100),
  constraint ck_api_token_hash check (length(hash) = 32),
  constraint ck_api_token_expires check (expires_at > created_at)
);
create trigger tr_api_token_append_only before update or delete or truncate on api_token
  for each statement execute function refuse_change();
alter table api_token enable always trigger tr_api_token_append_only;

-- A token that was taken back before it expired.
create table api_token_end (
  ended_at bigint not null,
  seal bigint not null,
  book_id integer not null,
  token_id integer not null,
  user_id integer not null,
  entry integer not null,
  constraint pk_api_token_end primary key (book_id, token_id) with (fillfactor = 100),
  constraint fk_api_token_end_token foreign key (book_id, token_id)
    references api_token (book_id, token_id)
);
create trigger tr_api_token_end_append_only before update or delete or truncate on api_token_end
  for each statement execute function refuse_change();
alter table api_token_end enable always trigger tr_api_token_end_append_only;
