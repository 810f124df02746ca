-- Tokens of programs that use the REST interface. Twin of postgres/0009_tokens.sql.

-- A token acts as its user, with these roles at most and until it expires. hash is SHA-256 of the
-- secret, which is 256 random bits and so needs no slow hash; the secret itself is nowhere.
create table api_token (
  book_id integer not null,
  token_id integer not null,
  user_id integer not null,
  name text not null,
  roles text not null,
  hash blob not null,
  created_at integer not null,
  expires_at integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_api_token primary key (book_id, token_id),
  constraint ck_api_token_hash check (length(hash) = 32),
  constraint ck_api_token_expires check (expires_at > created_at)
) strict, without rowid;
create trigger tr_api_token_update before update on api_token
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_api_token_delete before delete on api_token
begin select raise(abort, 'tr_append_only'); end;

-- A token that was taken back before it expired.
create table api_token_end (
  book_id integer not null,
  token_id integer not null,
  user_id integer not null,
  ended_at integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_api_token_end primary key (book_id, token_id),
  constraint fk_api_token_end_token foreign key (book_id, token_id)
    references api_token (book_id, token_id)
) strict, without rowid;
create trigger tr_api_token_end_update before update on api_token_end
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_api_token_end_delete before delete on api_token_end
begin select raise(abort, 'tr_append_only'); end;
