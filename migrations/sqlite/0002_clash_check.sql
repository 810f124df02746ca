-- The clash check of a run: lists of other offices, programs that exclude each other, and what was
-- found. Twin of postgres/0002_clash_check.sql.

-- 名单: a list of another office that runs are compared with. The newest list of a kind and name
-- counts.
create table check_list (
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
  constraint ck_check_list_kind check (kind in ('deceased', 'employed', 'excluded'))
) strict, without rowid;
create trigger tr_check_list_update before update on check_list
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_check_list_delete before delete on check_list
begin select raise(abort, 'tr_append_only'); end;

-- Who stands on a list, since when; `since` may be empty.
create table listed_person (
  book_id integer not null,
  list_id integer not null,
  row_no integer not null,
  reference_no text not null,
  name text not null,
  since text not null,
  salt blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_listed_person primary key (book_id, list_id, row_no)
) strict, without rowid;
create trigger tr_listed_person_update before update on listed_person
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_listed_person_delete before delete on listed_person
begin select raise(abort, 'tr_append_only'); end;

-- Two programs that nobody may draw for the same month.
create table program_exclusion (
  book_id integer not null,
  program_id integer not null,
  other_id integer not null,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_program_exclusion primary key (book_id, program_id, other_id),
  constraint ck_program_exclusion_order check (program_id < other_id)
) strict, without rowid;
create trigger tr_program_exclusion_update before update on program_exclusion
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_program_exclusion_delete before delete on program_exclusion
begin select raise(abort, 'tr_append_only'); end;

-- What the clash check found; n is the event of the run that was the check. The subject and the
-- payment are 0 when it is not about one.
create table run_finding (
  book_id integer not null,
  run_id integer not null,
  n integer not null,
  finding_no integer not null,
  check_code text not null,
  subject_id integer not null,
  payment_id integer not null,
  detail text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_run_finding primary key (book_id, run_id, n, finding_no)
) strict, without rowid;
create trigger tr_run_finding_update before update on run_finding
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_run_finding_delete before delete on run_finding
begin select raise(abort, 'tr_append_only'); end;

-- Why the warnings of one check may stand.
create table run_explanation (
  book_id integer not null,
  run_id integer not null,
  n integer not null,
  check_code text not null,
  user_id integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_run_explanation primary key (book_id, run_id, n, check_code),
  constraint ck_run_explanation_reason check (length(reason) > 0)
) strict, without rowid;
create trigger tr_run_explanation_update before update on run_explanation
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_run_explanation_delete before delete on run_explanation
begin select raise(abort, 'tr_append_only'); end;
