-- Funding over the years: money carried over, letters that take money back, closed years. Twin of
-- sqlite/0005_year_close.sql.

-- 结转: what of an appropriation serves a later budget year too. The newest version counts; one that
-- was made after the year was closed is for what came home since.
create table carry_over (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  appropriation_id integer not null,
  to_year integer not null,
  version integer not null,
  entry integer not null,
  document text collate "C" not null,
  constraint pk_carry_over primary key (book_id, appropriation_id, to_year, version) with (fillfactor = 100),
  constraint ck_carry_over_amount check (amount_fen >= 0),
  constraint ck_carry_over_version check (version >= 1)
);
create trigger tr_carry_over_append_only before update or delete or truncate on carry_over
  for each statement execute function refuse_change();
alter table carry_over enable always trigger tr_carry_over_append_only;

-- 追减: a letter that takes unspent money of an appropriation back.
create table reduction (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  reduction_id integer not null,
  appropriation_id integer not null,
  entry integer not null,
  document text collate "C" not null,
  on_date text collate "C" not null,
  constraint pk_reduction primary key (book_id, reduction_id) with (fillfactor = 100),
  constraint uq_reduction_document unique (book_id, document, appropriation_id) with (fillfactor = 100),
  constraint ck_reduction_amount check (amount_fen > 0)
);
create trigger tr_reduction_append_only before update or delete or truncate on reduction
  for each statement execute function refuse_change();
alter table reduction enable always trigger tr_reduction_append_only;

-- 年结: a year closed for ever; digest is the Merkle root over the digests of its months.
create table year_close (
  closed_at bigint not null,
  seal bigint not null,
  book_id integer not null,
  year integer not null,
  user_id integer not null,
  entry integer not null,
  digest bytea not null,
  constraint pk_year_close primary key (book_id, year) with (fillfactor = 100)
);
create trigger tr_year_close_append_only before update or delete or truncate on year_close
  for each statement execute function refuse_change();
alter table year_close enable always trigger tr_year_close_append_only;
