-- Movements that two people explain by hand, several refunds in one credit, and notices of payments
-- that came back. Twin of sqlite/0015_statement_links.sql.

-- One credit may bring several refunds home, and never more than it is.
alter table refund_receipt drop constraint uq_refund_receipt_line;
-- The amounts are in the index: without statistics SQLite would add up a whole book otherwise.
create index ix_refund_receipt_line
  on refund_receipt (book_id, statement_id, line_no, amount_fen);
drop index ix_statement_line_match;
create index ix_statement_line_match
  on statement_line (book_id, match_kind, match_id, amount_fen);
create function refuse_receipt() returns trigger language plpgsql as $$
begin
  if exists (select 1 from statement_line l where l.book_id = new.book_id
    and l.statement_id = new.statement_id and l.line_no = new.line_no
    and l.amount_fen < new.amount_fen + coalesce((select sum(h.amount_fen) from refund_receipt h
      where h.book_id = new.book_id and h.statement_id = new.statement_id
      and h.line_no = new.line_no), 0)) then
    raise exception 'tr_refund_receipt_line' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_refund_receipt_line';
  end if;
  return new;
end $$;
create trigger tr_refund_receipt_line before insert on refund_receipt
  for each row execute function refuse_receipt();
alter table refund_receipt enable always trigger tr_refund_receipt_line;

-- What two people found a movement to be: part of parts. A movement counts as explained only when its
-- last part is there, which the trigger lets in only when they add up to it.
create table statement_link (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  statement_id integer not null,
  line_no integer not null,
  part integer not null,
  parts integer not null,
  match_id integer not null,
  attempt_no integer not null,
  exception_id integer not null,
  entry integer not null,
  match_kind text collate "C" not null,
  constraint pk_statement_link primary key (book_id, statement_id, line_no, part)
    with (fillfactor = 100),
  constraint uq_statement_link_match
    unique (book_id, match_kind, match_id, attempt_no, statement_id, line_no),
  constraint ck_statement_link_part check (part >= 1 and part <= parts),
  constraint ck_statement_link_match check (match_kind in ('batch', 'return', 'refund', 'appropriation')),
  constraint ck_statement_link_amount check ((match_kind in ('batch', 'return') and amount_fen < 0) or (match_kind in ('refund', 'appropriation') and amount_fen > 0)),
  constraint ck_statement_link_attempt check ((match_kind = 'refund' and attempt_no > 0) or (match_kind <> 'refund' and attempt_no = 0)),
  constraint fk_statement_link_line foreign key (book_id, statement_id, line_no)
    references statement_line (book_id, statement_id, line_no)
);
create trigger tr_statement_link_append_only before update or delete or truncate on statement_link
  for each statement execute function refuse_change();
alter table statement_link enable always trigger tr_statement_link_append_only;

-- What every movement was matched to, one row for each thing; parts count when all are there.
create or replace view statement_match as
select book_id, statement_id, line_no, match_kind, match_id, amount_fen from statement_line
where match_kind <> 'several'
union all
select p.book_id, p.statement_id, p.line_no, p.match_kind, p.match_id, p.amount_fen
from statement_part p join statement_line l on l.book_id = p.book_id
  and l.statement_id = p.statement_id and l.line_no = p.line_no
where exists (select 1 from statement_part z where z.book_id = p.book_id
  and z.statement_id = p.statement_id and z.line_no = p.line_no and z.part = l.match_id)
union all
select k.book_id, k.statement_id, k.line_no, k.match_kind, k.match_id, k.amount_fen
from statement_link k
where exists (select 1 from statement_link z where z.book_id = k.book_id
  and z.statement_id = k.statement_id and z.line_no = k.line_no and z.part = z.parts);

create function refuse_link() returns trigger language plpgsql as $$
begin
  if (select count(*) from statement_link k where k.book_id = new.book_id
      and k.statement_id = new.statement_id and k.line_no = new.line_no
      and k.parts = new.parts and k.exception_id = new.exception_id) <> new.part - 1
    or not exists (select 1 from statement_line l where l.book_id = new.book_id
      and l.statement_id = new.statement_id and l.line_no = new.line_no
      and l.match_kind = 'none' and (l.amount_fen < 0) = (new.amount_fen < 0)
      and case when new.part = new.parts then l.amount_fen = new.amount_fen + coalesce((
          select sum(k.amount_fen) from statement_link k where k.book_id = new.book_id
          and k.statement_id = new.statement_id and k.line_no = new.line_no), 0)
        else abs(l.amount_fen) > abs(new.amount_fen + coalesce((
          select sum(k.amount_fen) from statement_link k where k.book_id = new.book_id
          and k.statement_id = new.statement_id and k.line_no = new.line_no), 0)) end) then
    raise exception 'tr_statement_link_sum' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_statement_link_sum';
  end if;
  return new;
end $$;
create trigger tr_statement_link_sum before insert on statement_link
  for each row execute function refuse_link();
alter table statement_link enable always trigger tr_statement_link_sum;
create function refuse_part() returns trigger language plpgsql as $$
begin
  if (select count(*) from statement_part p where p.book_id = new.book_id
      and p.statement_id = new.statement_id and p.line_no = new.line_no) <> new.part - 1
    or not exists (select 1 from statement_line l where l.book_id = new.book_id
      and l.statement_id = new.statement_id and l.line_no = new.line_no
      and l.match_kind = 'several' and new.part <= l.match_id
      and case when new.part = l.match_id then l.amount_fen = new.amount_fen + coalesce((
          select sum(p.amount_fen) from statement_part p where p.book_id = new.book_id
          and p.statement_id = new.statement_id and p.line_no = new.line_no), 0)
        else l.amount_fen < new.amount_fen + coalesce((
          select sum(p.amount_fen) from statement_part p where p.book_id = new.book_id
          and p.statement_id = new.statement_id and p.line_no = new.line_no), 0) end) then
    raise exception 'tr_statement_part_sum' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_statement_part_sum';
  end if;
  return new;
end $$;
create trigger tr_statement_part_sum before insert on statement_part
  for each row execute function refuse_part();
alter table statement_part enable always trigger tr_statement_part_sum;

-- A batch, an answer or an appropriation is explained once: no more of it than there is.
create function refuse_second_match() returns trigger language plpgsql as $$
begin
  if new.match_kind in ('batch', 'return', 'appropriation') and (abs(new.amount_fen + coalesce((select sum(m.amount_fen) from statement_match m
      where m.book_id = new.book_id and m.match_kind = new.match_kind
      and m.match_id = new.match_id), 0)) > coalesce(case new.match_kind
      when 'batch' then (select b.total_fen from batch b where b.book_id = new.book_id
        and b.batch_id = new.match_id)
      when 'return' then (select r.paid_fen from return_file r where r.book_id = new.book_id
        and r.return_id = new.match_id)
      else (select a.amount_fen from appropriation a where a.book_id = new.book_id
        and a.appropriation_id = new.match_id) end, 0)) then
    raise exception '%', tg_name using
      errcode = 'integrity_constraint_violation', constraint = tg_name;
  end if;
  return new;
end $$;
create trigger tr_statement_line_once before insert on statement_line
  for each row execute function refuse_second_match();
alter table statement_line enable always trigger tr_statement_line_once;
create trigger tr_statement_part_once before insert on statement_part
  for each row execute function refuse_second_match();
alter table statement_part enable always trigger tr_statement_part_once;
create trigger tr_statement_link_once before insert on statement_link
  for each row execute function refuse_second_match();
alter table statement_link enable always trigger tr_statement_link_once;

-- A notice of the bank or the treasury that payments came back (退款通知). Its number is of the same
-- series as that of statements, because both are sources of refunds after success.
create table refund_notice (
  returned_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  notice_id integer not null,
  file_id integer not null,
  lines integer not null,
  returned integer not null,
  repeated integer not null,
  exceptions integer not null,
  entry integer not null,
  profile text collate "C" not null,
  imported_on text collate "C" not null,
  content_hash bytea not null,
  constraint pk_refund_notice primary key (book_id, notice_id) with (fillfactor = 100),
  constraint uq_refund_notice_content unique (book_id, content_hash),
  constraint ck_refund_notice_lines check (returned + repeated + exceptions = lines)
);
create trigger tr_refund_notice_append_only before update or delete or truncate on refund_notice
  for each statement execute function refuse_change();
alter table refund_notice enable always trigger tr_refund_notice_append_only;
