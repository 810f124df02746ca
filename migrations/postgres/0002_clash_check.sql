-- The clash check of a run: lists of other offices, programs that exclude each other, and what was
-- found. Twin of sqlite/0002_clash_check.sql.

-- 名单: a list of another office that runs are compared with. The newest list of a kind and name
-- counts.
create table check_list (
  seal bigint not null,
  book_id integer not null,
  list_id integer not null,
  file_id integer not null,
  people integer not null,
  entry integer not null,
  kind text collate "C" not null,
  name text collate "C" not null,
  imported_on text collate "C" not null,
  constraint pk_check_list primary key (book_id, list_id) with (fillfactor = 100),
  constraint ck_check_list_kind check (kind in ('deceased', 'employed', 'excluded'))
);
create trigger tr_check_list_append_only before update or delete or truncate on check_list
  for each statement execute function refuse_change();
alter table check_list enable always trigger tr_check_list_append_only;

-- Who stands on a list, since when; `since` may be empty.
create table listed_person (
  seal bigint not null,
  book_id integer not null,
  list_id integer not null,
  row_no integer not null,
  entry integer not null,
  reference_no text collate "C" not null,
  name text collate "C" not null,
  since text collate "C" not null,
  salt bytea not null,
  constraint pk_listed_person primary key (book_id, list_id, row_no) with (fillfactor = 100)
);
create trigger tr_listed_person_append_only before update or delete or truncate on listed_person
  for each statement execute function refuse_change();
alter table listed_person enable always trigger tr_listed_person_append_only;

-- Two programs that nobody may draw for the same month.
create table program_exclusion (
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  other_id integer not null,
  entry integer not null,
  document text collate "C" not null,
  constraint pk_program_exclusion primary key (book_id, program_id, other_id) with (fillfactor = 100),
  constraint ck_program_exclusion_order check (program_id < other_id)
);
create trigger tr_program_exclusion_append_only before update or delete or truncate on program_exclusion
  for each statement execute function refuse_change();
alter table program_exclusion enable always trigger tr_program_exclusion_append_only;

-- What the clash check found; n is the event of the run that was the check. The subject and the
-- payment are 0 when it is not about one.
create table run_finding (
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  n integer not null,
  finding_no integer not null,
  subject_id integer not null,
  payment_id integer not null,
  entry integer not null,
  check_code text collate "C" not null,
  detail text collate "C" not null,
  constraint pk_run_finding primary key (book_id, run_id, n, finding_no) with (fillfactor = 100)
);
create trigger tr_run_finding_append_only before update or delete or truncate on run_finding
  for each statement execute function refuse_change();
alter table run_finding enable always trigger tr_run_finding_append_only;

-- Why the warnings of one check may stand.
create table run_explanation (
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  n integer not null,
  user_id integer not null,
  entry integer not null,
  check_code text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_run_explanation primary key (book_id, run_id, n, check_code) with (fillfactor = 100),
  constraint ck_run_explanation_reason check (length(reason) > 0)
);
create trigger tr_run_explanation_append_only before update or delete or truncate on run_explanation
  for each statement execute function refuse_change();
alter table run_explanation enable always trigger tr_run_explanation_append_only;
