-- Names and places of households, persons and institutions change. Twin of
-- sqlite/0016_party_versions.sql.

-- 更名, 迁居, 户主变更: what a party is called and where it lives from a month on. `party` holds what
-- it was before the first version; of one month the newest version counts. The name is sealed by a
-- salted commitment.
create table party_version (
  seal bigint not null,
  book_id integer not null,
  party_id integer not null,
  version integer not null,
  area_id integer not null,
  entry integer not null,
  from_month text collate "C" not null,
  name text collate "C" not null,
  salt bytea not null,
  constraint pk_party_version primary key (book_id, party_id, from_month, version)
    with (fillfactor = 100),
  constraint ck_party_version_name check (length(name) > 0)
);
create trigger tr_party_version_append_only before update or delete or truncate on party_version
  for each statement execute function refuse_change();
alter table party_version enable always trigger tr_party_version_append_only;
