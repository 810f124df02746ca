-- One bank movement for several batches. Twin of sqlite/0012_statement_parts.sql.

-- What a movement that was matched to several debits is the sum of. A debit is part of one only.
create table statement_part (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  statement_id integer not null,
  line_no integer not null,
  part integer not null,
  match_id integer not null,
  entry integer not null,
  match_kind text collate "C" not null,
  constraint pk_statement_part primary key (book_id, statement_id, line_no, part)
    with (fillfactor = 100),
  constraint uq_statement_part_match unique (book_id, match_kind, match_id),
  constraint ck_statement_part_match check (match_kind in ('batch', 'return')),
  constraint ck_statement_part_amount check (amount_fen < 0),
  constraint fk_statement_part_line foreign key (book_id, statement_id, line_no)
    references statement_line (book_id, statement_id, line_no)
);
create trigger tr_statement_part_append_only before update or delete or truncate on statement_part
  for each statement execute function refuse_change();
alter table statement_part enable always trigger tr_statement_part_append_only;

-- What every movement was matched to, one row for each thing.
create view statement_match as
select book_id, statement_id, line_no, match_kind, match_id, amount_fen from statement_line
where match_kind <> 'several'
union all
select book_id, statement_id, line_no, match_kind, match_id, amount_fen from statement_part;
