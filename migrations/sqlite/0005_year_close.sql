-- Funding over the years: money carried over, letters that take money back, closed years. Twin of
-- postgres/0005_year_close.sql.

-- 结转: what of an appropriation serves a later budget year too. The newest version counts; one that
-- was made after the year was closed is for what came home since.
create table carry_over (
  book_id integer not null,
  appropriation_id integer not null,
  to_year integer not null,
  version integer not null,
  amount_fen integer not null,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_carry_over primary key (book_id, appropriation_id, to_year, version),
  constraint ck_carry_over_amount check (amount_fen >= 0),
  constraint ck_carry_over_version check (version >= 1)
) strict, without rowid;
create trigger tr_carry_over_update before update on carry_over
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_carry_over_delete before delete on carry_over
begin select raise(abort, 'tr_append_only'); end;

-- 追减: a letter that takes unspent money of an appropriation back.
create table reduction (
  book_id integer not null,
  reduction_id integer not null,
  appropriation_id integer not null,
  document text not null,
  amount_fen integer not null,
  on_date text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_reduction primary key (book_id, reduction_id),
  constraint uq_reduction_document unique (book_id, document, appropriation_id),
  constraint ck_reduction_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_reduction_update before update on reduction
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_reduction_delete before delete on reduction
begin select raise(abort, 'tr_append_only'); end;

-- 年结: a year closed for ever; digest is the Merkle root over the digests of its months.
create table year_close (
  book_id integer not null,
  year integer not null,
  user_id integer not null,
  closed_at integer not null,
  digest blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_year_close primary key (book_id, year)
) strict, without rowid;
create trigger tr_year_close_update before update on year_close
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_year_close_delete before delete on year_close
begin select raise(abort, 'tr_append_only'); end;
