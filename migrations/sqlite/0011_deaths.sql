-- Deaths that are heard of late, and the year whose expense a recovery is of. Twin of
-- postgres/0011_deaths.sql.

-- 死亡: nothing is due to a person for the months after it, whatever rosters said. The newest
-- version counts; one without a date takes back what was wrong.
create table person_death (
  book_id integer not null,
  party_id integer not null,
  version integer not null,
  on_date text not null,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_person_death primary key (book_id, party_id, version),
  constraint ck_person_death_document check (length(document) > 0)
) strict, without rowid;
create trigger tr_person_death_update before update on person_death
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_person_death_delete before delete on person_death
begin select raise(abort, 'tr_append_only'); end;

-- The year in which the expense of a recovery was booked, where the recovery says it; otherwise it
-- is the year of its months.
create table recovery_year (
  book_id integer not null,
  recovery_id integer not null,
  year integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_recovery_year primary key (book_id, recovery_id)
) strict, without rowid;
create trigger tr_recovery_year_update before update on recovery_year
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_recovery_year_delete before delete on recovery_year
begin select raise(abort, 'tr_append_only'); end;
