-- Deaths that are heard of late, and the year whose expense a recovery is of. Twin of
-- sqlite/0011_deaths.sql.

-- 死亡: nothing is due to a person for the months after it, whatever rosters said. The newest
-- version counts; one without a date takes back what was wrong.
create table person_death (
  seal bigint not null,
  book_id integer not null,
  party_id integer not null,
  version integer not null,
  entry integer not null,
  on_date text collate "C" not null,
  document text collate "C" not null,
  constraint pk_person_death primary key (book_id, party_id, version) with (fillfactor = 100),
  constraint ck_person_death_document check (length(document) > 0)
);
create trigger tr_person_death_append_only before update or delete or truncate on person_death
  for each statement execute function refuse_change();
alter table person_death enable always trigger tr_person_death_append_only;

-- The year in which the expense of a recovery was booked, where the recovery says it; otherwise it
-- is the year of its months.
create table recovery_year (
  seal bigint not null,
  book_id integer not null,
  recovery_id integer not null,
  year integer not null,
  entry integer not null,
  constraint pk_recovery_year primary key (book_id, recovery_id) with (fillfactor = 100)
);
create trigger tr_recovery_year_append_only before update or delete or truncate on recovery_year
  for each statement execute function refuse_change();
alter table recovery_year enable always trigger tr_recovery_year_append_only;
