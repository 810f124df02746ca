-- Working days: holidays and make-up days of a year, as its notice sets them. Twin of
-- postgres/0007_calendar.sql.

-- 放假安排 of a year with the number of its notice. The newest version counts; a year without one
-- has its weekends free and nothing else. days is the number of its rows in calendar_day.
create table calendar_year (
  book_id integer not null,
  year integer not null,
  version integer not null,
  document text not null,
  file_id integer not null,
  days integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_calendar_year primary key (book_id, year, version),
  constraint ck_calendar_year_document check (length(document) > 0),
  constraint ck_calendar_year_days check (days > 0)
) strict, without rowid;
create trigger tr_calendar_year_update before update on calendar_year
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_calendar_year_delete before delete on calendar_year
begin select raise(abort, 'tr_append_only'); end;

-- A day of it: 放假, or 上班 on a weekend. The notice of a year may name days of the December before.
create table calendar_day (
  book_id integer not null,
  year integer not null,
  version integer not null,
  on_date text not null,
  kind text not null,
  name text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_calendar_day primary key (book_id, year, version, on_date),
  constraint ck_calendar_day_kind check (kind in ('holiday', 'work')),
  constraint fk_calendar_day_year foreign key (book_id, year, version)
    references calendar_year (book_id, year, version)
) strict, without rowid;
create trigger tr_calendar_day_update before update on calendar_day
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_calendar_day_delete before delete on calendar_day
begin select raise(abort, 'tr_append_only'); end;
