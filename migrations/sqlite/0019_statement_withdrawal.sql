-- Statements that two people withdraw, and debits of vouchers: returns to the treasury, hand-overs,
-- what was paid twice. Twin of postgres/0019_statement_withdrawal.sql.

-- 撤回对账单, by two people; the file may be imported again. Its matches and the refunds that it brought
-- home count no more. lines is how many lines it had, voucher_id turned back its voucher, 0 when it had
-- booked nothing. A refund after success that it showed is voided in outcome_void with return_id 0.
create table statement_withdrawal (
  book_id integer not null,
  statement_id integer not null,
  proposal_id integer not null,
  lines integer not null,
  voucher_id integer not null,
  user_id integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_statement_withdrawal primary key (book_id, statement_id),
  constraint ck_statement_withdrawal_reason check (length(reason) > 0)
) strict, without rowid;
create trigger tr_statement_withdrawal_update before update on statement_withdrawal
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_statement_withdrawal_delete before delete on statement_withdrawal
begin select raise(abort, 'tr_append_only'); end;

-- What refers to the tables that are made again goes first and comes back below.
drop trigger tr_statement_line_once;
drop trigger tr_statement_part_once;
drop trigger tr_statement_link_once;
drop trigger tr_outcome_void_last;
drop trigger tr_statement_part_sum;
drop trigger tr_statement_link_sum;
drop trigger tr_refund_receipt_line;
drop view statement_match;
drop trigger tr_statement_update;
drop trigger tr_statement_delete;
drop trigger tr_statement_part_update;
drop trigger tr_statement_part_delete;
drop trigger tr_statement_link_update;
drop trigger tr_statement_link_delete;
drop trigger tr_refund_receipt_update;
drop trigger tr_refund_receipt_delete;

-- `statement` again: a withdrawn one may come again. Rows and seals are the same, here and below.
create table statement_again (
  book_id integer not null,
  statement_id integer not null,
  file_id integer not null,
  bank_account_id integer not null,
  from_date text not null,
  to_date text not null,
  opening_fen integer not null,
  closing_fen integer not null,
  moved_fen integer not null,
  lines integer not null,
  content_hash blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_statement primary key (book_id, statement_id),
  constraint ck_statement_adds_up check (opening_fen + moved_fen = closing_fen)
) strict, without rowid;
insert into statement_again select book_id, statement_id, file_id, bank_account_id, from_date, to_date, opening_fen, closing_fen,
  moved_fen, lines, content_hash, entry, seal
  from statement;
drop table statement;
alter table statement_again rename to statement;
create trigger tr_statement_update before update on statement
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_statement_delete before delete on statement
begin select raise(abort, 'tr_append_only'); end;
create index ix_statement_account on statement (book_id, bank_account_id, to_date);

create table statement_part_again (
  book_id integer not null,
  statement_id integer not null,
  line_no integer not null,
  part integer not null,
  match_kind text not null,
  match_id integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_statement_part primary key (book_id, statement_id, line_no, part),
  constraint ck_statement_part_match check (match_kind in ('batch', 'return')),
  constraint ck_statement_part_amount check (amount_fen < 0),
  constraint fk_statement_part_line foreign key (book_id, statement_id, line_no)
    references statement_line (book_id, statement_id, line_no)
) strict, without rowid;
insert into statement_part_again select book_id, statement_id, line_no, part, match_kind, match_id, amount_fen, entry, seal
  from statement_part;
drop table statement_part;
alter table statement_part_again rename to statement_part;
create trigger tr_statement_part_update before update on statement_part
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_statement_part_delete before delete on statement_part
begin select raise(abort, 'tr_append_only'); end;
create index ix_statement_part_match on statement_part (book_id, match_kind, match_id, amount_fen);

create table statement_link_again (
  book_id integer not null,
  statement_id integer not null,
  line_no integer not null,
  part integer not null,
  parts integer not null,
  match_kind text not null,
  match_id integer not null,
  attempt_no integer not null,
  amount_fen integer not null,
  exception_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_statement_link primary key (book_id, statement_id, line_no, part),
  constraint uq_statement_link_match unique (book_id, match_kind, match_id, attempt_no, statement_id, line_no),
  constraint ck_statement_link_part check (part >= 1 and part <= parts),
  constraint ck_statement_link_match check (match_kind in ('batch', 'return', 'refund', 'appropriation', 'voucher')),
  constraint ck_statement_link_amount check ((match_kind in ('batch', 'return', 'voucher') and amount_fen < 0) or (match_kind in ('refund', 'appropriation') and amount_fen > 0)),
  constraint ck_statement_link_attempt check ((match_kind = 'refund' and attempt_no > 0) or (match_kind <> 'refund' and attempt_no = 0)),
  constraint fk_statement_link_line foreign key (book_id, statement_id, line_no)
    references statement_line (book_id, statement_id, line_no)
) strict, without rowid;
insert into statement_link_again select book_id, statement_id, line_no, part, parts, match_kind, match_id, attempt_no, amount_fen,
  exception_id, entry, seal
  from statement_link;
drop table statement_link;
alter table statement_link_again rename to statement_link;
create trigger tr_statement_link_update before update on statement_link
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_statement_link_delete before delete on statement_link
begin select raise(abort, 'tr_append_only'); end;

create table refund_receipt_again (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  statement_id integer not null,
  line_no integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_refund_receipt primary key (book_id, payment_id, attempt_no, statement_id)
) strict, without rowid;
insert into refund_receipt_again select book_id, payment_id, attempt_no, statement_id, line_no, amount_fen, entry, seal
  from refund_receipt;
drop table refund_receipt;
alter table refund_receipt_again rename to refund_receipt;
create trigger tr_refund_receipt_update before update on refund_receipt
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_refund_receipt_delete before delete on refund_receipt
begin select raise(abort, 'tr_append_only'); end;
create index ix_refund_receipt_line
  on refund_receipt (book_id, statement_id, line_no, amount_fen);

-- What counts: every reading of statements, of what they matched and of refunds goes through these.
create view statement_now as select s.book_id, s.statement_id, s.file_id, s.bank_account_id,
  s.from_date, s.to_date, s.opening_fen, s.closing_fen, s.moved_fen, s.lines, s.content_hash, s.entry
  from statement s where not exists (select 1 from statement_withdrawal w where w.book_id = s.book_id
  and w.statement_id = s.statement_id);
create view refund_receipt_now as select h.book_id, h.payment_id, h.attempt_no, h.statement_id,
  h.line_no, h.amount_fen, h.entry
  from refund_receipt h where not exists (select 1 from statement_withdrawal w where w.book_id = h.book_id
  and w.statement_id = h.statement_id);
create view statement_match as
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

-- Those of 0015 again; a voucher too is explained once.
create trigger tr_refund_receipt_line before insert on refund_receipt
when exists (select 1 from statement_line l where l.book_id = new.book_id
  and l.statement_id = new.statement_id and l.line_no = new.line_no
  and l.amount_fen < new.amount_fen + coalesce((select sum(h.amount_fen) from refund_receipt h
    where h.book_id = new.book_id and h.statement_id = new.statement_id
    and h.line_no = new.line_no), 0))
begin select raise(abort, 'tr_refund_receipt_line'); end;
create trigger tr_statement_link_sum before insert on statement_link
when (select count(*) from statement_link k where k.book_id = new.book_id
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
        and k.statement_id = new.statement_id and k.line_no = new.line_no), 0)) end)
begin select raise(abort, 'tr_statement_link_sum'); end;
create trigger tr_statement_part_sum before insert on statement_part
when (select count(*) from statement_part p where p.book_id = new.book_id
    and p.statement_id = new.statement_id and p.line_no = new.line_no) <> new.part - 1
  or not exists (select 1 from statement_line l where l.book_id = new.book_id
    and l.statement_id = new.statement_id and l.line_no = new.line_no
    and l.match_kind = 'several' and new.part <= l.match_id
    and case when new.part = l.match_id then l.amount_fen = new.amount_fen + coalesce((
        select sum(p.amount_fen) from statement_part p where p.book_id = new.book_id
        and p.statement_id = new.statement_id and p.line_no = new.line_no), 0)
      else l.amount_fen < new.amount_fen + coalesce((
        select sum(p.amount_fen) from statement_part p where p.book_id = new.book_id
        and p.statement_id = new.statement_id and p.line_no = new.line_no), 0) end)
begin select raise(abort, 'tr_statement_part_sum'); end;
create trigger tr_statement_line_once before insert on statement_line
when new.match_kind in ('batch', 'return', 'appropriation', 'voucher')
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
      and a.appropriation_id = new.match_id) end, 0)
begin select raise(abort, 'tr_statement_line_once'); end;
create trigger tr_statement_part_once before insert on statement_part
when new.match_kind in ('batch', 'return', 'appropriation', 'voucher')
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
      and a.appropriation_id = new.match_id) end, 0)
begin select raise(abort, 'tr_statement_part_once'); end;
create trigger tr_statement_link_once before insert on statement_link
when new.match_kind in ('batch', 'return', 'appropriation', 'voucher')
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
      and a.appropriation_id = new.match_id) end, 0)
begin select raise(abort, 'tr_statement_link_once'); end;

-- Statements of an account do not overlap; the newest is withdrawn first, and none on which two people
-- have built.
create trigger tr_statement_days before insert on statement
when exists (select 1 from statement_now s where s.book_id = new.book_id
  and s.bank_account_id = new.bank_account_id and s.to_date >= new.from_date)
begin select raise(abort, 'tr_statement_days'); end;
create trigger tr_statement_withdrawal_newest before insert on statement_withdrawal
when exists (select 1 from statement s join statement_now l on l.book_id = s.book_id
    and l.bank_account_id = s.bank_account_id and l.from_date > s.from_date
    where s.book_id = new.book_id and s.statement_id = new.statement_id)
  or exists (select 1 from statement_link k where k.book_id = new.book_id
    and k.statement_id = new.statement_id)
begin select raise(abort, 'tr_statement_withdrawal_newest'); end;
create trigger tr_refund_receipt_once before insert on refund_receipt
when exists (select 1 from refund_receipt_now h where h.book_id = new.book_id
  and h.payment_id = new.payment_id and h.attempt_no = new.attempt_no)
begin select raise(abort, 'tr_refund_receipt_once'); end;

-- A refund after success that was voided may come again, by the next even step.
create trigger tr_outcome_void_last before insert on outcome_void
when exists (select 1 from attempt t where t.book_id = new.book_id
    and t.payment_id = new.payment_id and t.attempt_no > new.attempt_no)
  or exists (select 1 from refund_receipt_now h where h.book_id = new.book_id
    and h.payment_id = new.payment_id and h.attempt_no = new.attempt_no)
begin select raise(abort, 'tr_outcome_void_last'); end;
drop trigger tr_outcome_prior;
create trigger tr_outcome_prior before insert on outcome
when new.step > 1 and not (
  (new.step % 2 = 0 and exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no
    and o.step < new.step and o.kind = 'paid')
    and not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no and o.kind = 'refunded'))
  or (new.step % 2 = 1 and exists (select 1 from outcome_void v where v.book_id = new.book_id
    and v.payment_id = new.payment_id and v.attempt_no = new.attempt_no
    and v.step < new.step and v.step % 2 = 1)
    and not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no)))
begin select raise(abort, 'tr_outcome_prior'); end;

-- One more kind of proposals: the table again, and with it the one that refers to it.
drop trigger tr_rule_proposal_update;
drop trigger tr_rule_proposal_delete;
drop trigger tr_rule_decision_update;
drop trigger tr_rule_decision_delete;
drop trigger tr_rule_decision_people;
create table rule_decision_kept (
  book_id integer not null,
  proposal_id integer not null,
  decision text not null,
  user_id integer not null,
  note text not null,
  entry integer not null,
  seal integer not null
) strict;
insert into rule_decision_kept select book_id, proposal_id, decision, user_id, note, entry, seal
  from rule_decision;
drop table rule_decision;
create table rule_proposal_again (
  book_id integer not null,
  proposal_id integer not null,
  kind text not null,
  content text not null,
  user_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_rule_proposal primary key (book_id, proposal_id),
  constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel', 'clear', 'layouts', 'unstate'))
) strict, without rowid;
insert into rule_proposal_again select book_id, proposal_id, kind, content, user_id, entry, seal
  from rule_proposal;
drop table rule_proposal;
alter table rule_proposal_again rename to rule_proposal;
create table rule_decision (
  book_id integer not null,
  proposal_id integer not null,
  decision text not null,
  user_id integer not null,
  note text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_rule_decision primary key (book_id, proposal_id),
  constraint ck_rule_decision_decision check (decision in ('confirmed', 'rejected')),
  constraint fk_rule_decision_proposal foreign key (book_id, proposal_id)
    references rule_proposal (book_id, proposal_id)
) strict, without rowid;
insert into rule_decision select book_id, proposal_id, decision, user_id, note, entry, seal
  from rule_decision_kept;
drop table rule_decision_kept;
create trigger tr_rule_proposal_update before update on rule_proposal
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_rule_proposal_delete before delete on rule_proposal
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_rule_decision_update before update on rule_decision
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_rule_decision_delete before delete on rule_decision
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_rule_decision_people before insert on rule_decision
when new.decision = 'confirmed' and not exists (select 1 from rule_proposal p
  where p.book_id = new.book_id and p.proposal_id = new.proposal_id and p.user_id <> new.user_id)
begin select raise(abort, 'tr_rule_decision_people'); end;
