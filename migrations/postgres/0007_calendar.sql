-- Working days: holidays and make-up days of a year, as its notice sets them. Twin of
-- sqlite/0007_calendar.sql.

-- 放假安排 of a year with the number of its notice. The newest version counts; a year without one
-- has its weekends free and nothing else. days is the number of its rows in calendar_day.
create table calendar_year (
  seal bigint not null,
  book_id integer not null,
  year integer not null,
  version integer not null,
  file_id integer not null,
  days integer not null,
  entry integer not null,
  document text collate "C" not null,
  constraint pk_calendar_year primary key (book_id, year, version) with (fillfactor = 100),
  constraint ck_calendar_year_document check (length(document) > 0),
  constraint ck_calendar_year_days check (days > 0)
);
create trigger tr_calendar_year_append_only before update or delete or truncate on calendar_year
  for each statement execute function refuse_change();
alter table calendar_year enable always trigger tr_calendar_year_append_only;

-- A day of it: 放假, or 上班 on a weekend. The notice of a year may name days of the December before.
create table calendar_day (
  seal bigint not null,
  book_id integer not null,
  year integer not null,
  version integer not null,
  entry integer not null,
  on_date text collate "C" not null,
  kind text collate "C" not null,
  name text collate "C" not null,
  constraint pk_calendar_day primary key (book_id, year, version, on_date) with (fillfactor = 100),
  constraint ck_calendar_day_kind check (kind in ('holiday', 'work')),
  constraint fk_calendar_day_year foreign key (book_id, year, version)
    references calendar_year (book_id, year, version)
);
create trigger tr_calendar_day_append_only before update or delete or truncate on calendar_day
  for each statement execute function refuse_change();
alter table calendar_day enable always trigger tr_calendar_day_append_only;
