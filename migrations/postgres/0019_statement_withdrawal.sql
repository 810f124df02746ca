-- Statements that two people withdraw, and debits of vouchers: returns to the treasury, hand-overs,
-- what was paid twice. Twin of sqlite/0019_statement_withdrawal.sql.

-- 撤回对账单, by two people; the file may be imported again. Its matches and the refunds that it brought
-- home count no more. lines is how many lines it had, voucher_id turned back its voucher, 0 when it had
-- booked nothing. A refund after success that it showed is voided in outcome_void with return_id 0.
create table statement_withdrawal (
  seal bigint not null,
  book_id integer not null,
  statement_id integer not null,
  proposal_id integer not null,
  lines integer not null,
  voucher_id integer not null,
  user_id integer not null,
  entry integer not null,
  reason text collate "C" not null,
  constraint pk_statement_withdrawal primary key (book_id, statement_id) with (fillfactor = 100),
  constraint ck_statement_withdrawal_reason check (length(reason) > 0)
);
create trigger tr_statement_withdrawal_append_only before update or delete or truncate on statement_withdrawal
  for each statement execute function refuse_change();
alter table statement_withdrawal enable always trigger tr_statement_withdrawal_append_only;

-- A withdrawn statement may come again.
alter table statement drop constraint uq_statement_start;
alter table statement drop constraint uq_statement_content;
create index ix_statement_account on statement (book_id, bank_account_id, to_date);
alter table statement_part drop constraint uq_statement_part_match;
create index ix_statement_part_match on statement_part (book_id, match_kind, match_id, amount_fen);
alter table statement_link drop constraint ck_statement_link_match;
alter table statement_link drop constraint ck_statement_link_amount;
alter table statement_link add constraint ck_statement_link_match check (match_kind in ('batch', 'return', 'refund', 'appropriation', 'voucher'));
alter table statement_link add constraint ck_statement_link_amount check ((match_kind in ('batch', 'return', 'voucher') and amount_fen < 0) or (match_kind in ('refund', 'appropriation') and amount_fen > 0));
alter table refund_receipt drop constraint pk_refund_receipt;
alter table refund_receipt add constraint pk_refund_receipt
  primary key (book_id, payment_id, attempt_no, statement_id) with (fillfactor = 100);

-- What counts: every reading of statements, of what they matched and of refunds goes through these.
create view statement_now as select s.book_id, s.statement_id, s.file_id, s.bank_account_id,
  s.from_date, s.to_date, s.opening_fen, s.closing_fen, s.moved_fen, s.lines, s.content_hash, s.entry
  from statement s where not exists (select 1 from statement_withdrawal w where w.book_id = s.book_id
  and w.statement_id = s.statement_id);
create view refund_receipt_now as select h.book_id, h.payment_id, h.attempt_no, h.statement_id,
  h.line_no, h.amount_fen, h.entry
  from refund_receipt h where not exists (select 1 from statement_withdrawal w where w.book_id = h.book_id
  and w.statement_id = h.statement_id);
create or replace view statement_match as
select l.book_id, l.statement_id, l.line_no, l.match_kind, l.match_id, l.amount_fen
from statement_line l where l.match_kind <> 'several'
and not exists (select 1 from statement_withdrawal w where w.book_id = l.book_id
  and w.statement_id = l.statement_id)
union all
select p.book_id, p.statement_id, p.line_no, p.match_kind, p.match_id, p.amount_fen
from statement_part p join statement_line l on l.book_id = p.book_id
  and l.statement_id = p.statement_id and l.line_no = p.line_no
where exists (select 1 from statement_part z where z.book_id = p.book_id
  and z.statement_id = p.statement_id and z.line_no = p.line_no and z.part = l.match_id)
and not exists (select 1 from statement_withdrawal w where w.book_id = p.book_id
  and w.statement_id = p.statement_id)
union all
select k.book_id, k.statement_id, k.line_no, k.match_kind, k.match_id, k.amount_fen
from statement_link k
where exists (select 1 from statement_link z where z.book_id = k.book_id
  and z.statement_id = k.statement_id and z.line_no = k.line_no and z.part = z.parts)
and not exists (select 1 from statement_withdrawal w where w.book_id = k.book_id
  and w.statement_id = k.statement_id);

-- A voucher too is explained once.
create or replace function refuse_second_match() returns trigger language plpgsql as $$
begin
  if new.match_kind in ('batch', 'return', 'appropriation', 'voucher')
  and abs(new.amount_fen + coalesce((select sum(m.amount_fen) from statement_match m
    where m.book_id = new.book_id and m.match_kind = new.match_kind
    and m.match_id = new.match_id), 0)) > coalesce(case new.match_kind
    when 'batch' then (select b.total_fen from batch b where b.book_id = new.book_id
      and b.batch_id = new.match_id)
    when 'return' then (select r.paid_fen from return_file r where r.book_id = new.book_id
      and r.return_id = new.match_id)
    when 'voucher' then (select sum(t.amount_fen) from voucher v join transfer t on t.book_id = v.book_id
      and t.transfer_id >= v.transfer_first and t.transfer_id < v.transfer_first + v.transfers
      join account c on c.book_id = t.book_id and c.account_id = t.credit_id and c.code = '1002'
      where v.book_id = new.book_id and v.voucher_id = new.match_id)
    else (select a.amount_fen from appropriation a where a.book_id = new.book_id
      and a.appropriation_id = new.match_id) end, 0) then
    raise exception '%', tg_name using
      errcode = 'integrity_constraint_violation', constraint = tg_name;
  end if;
  return new;
end $$;

-- Statements of an account do not overlap; the newest is withdrawn first, and none on which two people
-- have built.
create function refuse_statement_days() returns trigger language plpgsql as $$
begin
  if exists (select 1 from statement_now s where s.book_id = new.book_id
  and s.bank_account_id = new.bank_account_id and s.to_date >= new.from_date) then
    raise exception 'tr_statement_days' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_statement_days';
  end if;
  return new;
end $$;
create trigger tr_statement_days before insert on statement
  for each row execute function refuse_statement_days();
alter table statement enable always trigger tr_statement_days;
create function refuse_statement_withdrawal_newest() returns trigger language plpgsql as $$
begin
  if exists (select 1 from statement s join statement_now l on l.book_id = s.book_id
    and l.bank_account_id = s.bank_account_id and l.from_date > s.from_date
    where s.book_id = new.book_id and s.statement_id = new.statement_id)
  or exists (select 1 from statement_link k where k.book_id = new.book_id
    and k.statement_id = new.statement_id) then
    raise exception 'tr_statement_withdrawal_newest' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_statement_withdrawal_newest';
  end if;
  return new;
end $$;
create trigger tr_statement_withdrawal_newest before insert on statement_withdrawal
  for each row execute function refuse_statement_withdrawal_newest();
alter table statement_withdrawal enable always trigger tr_statement_withdrawal_newest;
create function refuse_refund_receipt_once() returns trigger language plpgsql as $$
begin
  if exists (select 1 from refund_receipt_now h where h.book_id = new.book_id
  and h.payment_id = new.payment_id and h.attempt_no = new.attempt_no) then
    raise exception 'tr_refund_receipt_once' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_refund_receipt_once';
  end if;
  return new;
end $$;
create trigger tr_refund_receipt_once before insert on refund_receipt
  for each row execute function refuse_refund_receipt_once();
alter table refund_receipt enable always trigger tr_refund_receipt_once;

-- A refund after success that was voided may come again, by the next even step.
create or replace function refuse_void() returns trigger language plpgsql as $$
begin
  if exists (select 1 from attempt t where t.book_id = new.book_id
    and t.payment_id = new.payment_id and t.attempt_no > new.attempt_no)
  or exists (select 1 from refund_receipt_now h where h.book_id = new.book_id
    and h.payment_id = new.payment_id and h.attempt_no = new.attempt_no) then
    raise exception 'tr_outcome_void_last' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_void_last';
  end if;
  return new;
end $$;
create or replace function refuse_outcome() returns trigger language plpgsql as $$
begin
  if not (
  (new.step % 2 = 0 and exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no
    and o.step < new.step and o.kind = 'paid')
    and not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no and o.kind = 'refunded'))
  or (new.step % 2 = 1 and exists (select 1 from outcome_void v where v.book_id = new.book_id
    and v.payment_id = new.payment_id and v.attempt_no = new.attempt_no
    and v.step < new.step and v.step % 2 = 1)
    and not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no))) then
    raise exception 'tr_outcome_prior' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_prior';
  end if;
  return new;
end $$;

-- One more kind of proposals.
alter table rule_proposal drop constraint ck_rule_proposal_kind;
alter table rule_proposal add constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel', 'clear', 'layouts', 'unstate'));
