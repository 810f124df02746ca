-- Lists of village cadres with their relatives, and of people who qualify. Twin of
-- postgres/0014_check_lists.sql.

-- `check_list` again, with two more kinds. Rows and seals are the same.
drop trigger tr_check_list_update;
drop trigger tr_check_list_delete;
create table check_list_again (
  book_id integer not null,
  list_id integer not null,
  kind text not null,
  name text not null,
  file_id integer not null,
  people integer not null,
  imported_on text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_check_list primary key (book_id, list_id),
  constraint ck_check_list_kind check (kind in ('deceased', 'employed', 'excluded', 'cadre', 'eligible'))
) strict, without rowid;
insert into check_list_again select book_id, list_id, kind, name, file_id, people, imported_on,
  entry, seal from check_list;
drop table check_list;
alter table check_list_again rename to check_list;
create trigger tr_check_list_update before update on check_list
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_check_list_delete before delete on check_list
begin select raise(abort, 'tr_append_only'); end;
