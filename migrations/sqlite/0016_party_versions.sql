-- Names and places of households, persons and institutions change. Twin of
-- postgres/0016_party_versions.sql.

-- 更名, 迁居, 户主变更: what a party is called and where it lives from a month on. `party` holds what
-- it was before the first version; of one month the newest version counts. The name is sealed by a
-- salted commitment.
create table party_version (
  book_id integer not null,
  party_id integer not null,
  from_month text not null,
  version integer not null,
  area_id integer not null,
  name text not null,
  salt blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_party_version primary key (book_id, party_id, from_month, version),
  constraint ck_party_version_name check (length(name) > 0)
) strict, without rowid;
create trigger tr_party_version_update before update on party_version
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_party_version_delete before delete on party_version
begin select raise(abort, 'tr_append_only'); end;
