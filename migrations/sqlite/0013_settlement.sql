-- Settling differences: answers that count no more, what a settlement booked, payments cancelled for
-- good, and what a bank's words mean. Twin of postgres/0013_settlement.sql.

-- `outcome` again, so that an answer which was voided can be followed by another one. Rows and seals
-- are the same.
drop trigger tr_attempt_prior;
drop trigger tr_outcome_attempt;
drop trigger tr_outcome_prior;
drop trigger tr_outcome_update;
drop trigger tr_outcome_delete;
drop index ix_outcome_not_paid;
create table outcome_again (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  kind text not null,
  source_id integer not null,
  line_no integer not null,
  reason text not null,
  reason_text text not null,
  bank_reference text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_outcome primary key (book_id, payment_id, attempt_no, step),
  constraint ck_outcome_kind check ((step % 2 = 1 and kind in ('paid', 'failed')) or (step % 2 = 0 and kind = 'refunded'))
) strict, without rowid;
insert into outcome_again select book_id, payment_id, attempt_no, step, kind, source_id, line_no,
  reason, reason_text, bank_reference, entry, seal from outcome;
drop table outcome;
alter table outcome_again rename to outcome;
create trigger tr_outcome_update before update on outcome
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_outcome_delete before delete on outcome
begin select raise(abort, 'tr_append_only'); end;
create index ix_outcome_not_paid on outcome (book_id, kind, payment_id, attempt_no)
  where kind <> 'paid';

-- An answer of a bank that counts no more: its file was withdrawn, or two people found that it was
-- wrong. return_id is the return that it came with; voucher_id turned back what it had booked.
create table outcome_void (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  return_id integer not null,
  voucher_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_outcome_void primary key (book_id, payment_id, attempt_no, step),
  constraint fk_outcome_void_outcome foreign key (book_id, payment_id, attempt_no, step)
    references outcome (book_id, payment_id, attempt_no, step)
) strict, without rowid;
create trigger tr_outcome_void_update before update on outcome_void
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_outcome_void_delete before delete on outcome_void
begin select raise(abort, 'tr_append_only'); end;

-- 撤回回盘, by two people; the file may be imported again. lines is how many of its answers count no
-- more, voucher_id 0 when it had booked nothing.
create table return_withdrawal (
  book_id integer not null,
  return_id integer not null,
  proposal_id integer not null,
  lines integer not null,
  voucher_id integer not null,
  user_id integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_return_withdrawal primary key (book_id, return_id),
  constraint ck_return_withdrawal_reason check (length(reason) > 0)
) strict, without rowid;
create trigger tr_return_withdrawal_update before update on return_withdrawal
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_return_withdrawal_delete before delete on return_withdrawal
begin select raise(abort, 'tr_append_only'); end;

-- The reason of a failure, classified again when two people taught its words.
create table outcome_reason (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  n integer not null,
  rule_id integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_outcome_reason primary key (book_id, payment_id, attempt_no, step, n)
) strict, without rowid;
create trigger tr_outcome_reason_update before update on outcome_reason
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_outcome_reason_delete before delete on outcome_reason
begin select raise(abort, 'tr_append_only'); end;

-- What a bank's words mean, taught by two people; the newest rule of the same words counts.
create table reason_rule (
  book_id integer not null,
  rule_id integer not null,
  proposal_id integer not null,
  words text not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_reason_rule primary key (book_id, rule_id),
  constraint ck_reason_rule_words check (length(words) > 0)
) strict, without rowid;
create trigger tr_reason_rule_update before update on reason_rule
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_reason_rule_delete before delete on reason_rule
begin select raise(abort, 'tr_append_only'); end;

-- What the settlement of a difference did: one for each, whoever asks. voucher_id 0: it booked nothing.
-- other_id is the difference that it was settled against; 0 where a dimension does not apply.
create table exception_settlement (
  book_id integer not null,
  exception_id integer not null,
  effect text not null,
  payment_id integer not null,
  attempt_no integer not null,
  other_id integer not null,
  bank_account_id integer not null,
  program_id integer not null,
  amount_fen integer not null,
  voucher_id integer not null,
  proposer_id integer not null,
  user_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_exception_settlement primary key (book_id, exception_id),
  constraint ck_exception_settlement_amount check (amount_fen >= 0),
  constraint ck_exception_settlement_people check (proposer_id <> user_id),
  constraint fk_exception_settlement_exception foreign key (book_id, exception_id)
    references exception (book_id, exception_id)
) strict, without rowid;
create trigger tr_exception_settlement_update before update on exception_settlement
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_exception_settlement_delete before delete on exception_settlement
begin select raise(abort, 'tr_append_only'); end;

-- What is noted of a difference: when it came up, who looks after it, comments and evidence (a file's
-- name and hash).
create table exception_note (
  book_id integer not null,
  exception_id integer not null,
  n integer not null,
  kind text not null,
  on_date text not null,
  user_id integer not null,
  owner_id integer not null,
  text text not null,
  file_name text not null,
  sha256 text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_exception_note primary key (book_id, exception_id, n),
  constraint ck_exception_note_kind check (kind in ('opened', 'owner', 'comment', 'evidence'))
) strict, without rowid;
create trigger tr_exception_note_update before update on exception_note
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_exception_note_delete before delete on exception_note
begin select raise(abort, 'tr_append_only'); end;

-- 取消发放, by two people: the payment is owed no more. standing: expense of this year is taken back, of
-- an earlier year the money is due to the treasury.
create table cancellation (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  proposal_id integer not null,
  exception_id integer not null,
  program_id integer not null,
  appropriation_id integer not null,
  amount_fen integer not null,
  standing text not null,
  voucher_id integer not null,
  user_id integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_cancellation primary key (book_id, payment_id),
  constraint ck_cancellation_amount check (amount_fen > 0),
  constraint ck_cancellation_standing check (standing in ('same', 'earlier'))
) strict, without rowid;
create trigger tr_cancellation_update before update on cancellation
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_cancellation_delete before delete on cancellation
begin select raise(abort, 'tr_append_only'); end;

-- What a cancellation took back of the expense of its year by component (below zero), or what a loss
-- added to it.
create table expense_change (
  book_id integer not null,
  voucher_id integer not null,
  program_id integer not null,
  component_id integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_expense_change primary key (book_id, voucher_id, program_id, component_id),
  constraint ck_expense_change_amount check (amount_fen <> 0)
) strict, without rowid;
create trigger tr_expense_change_update before update on expense_change
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_expense_change_delete before delete on expense_change
begin select raise(abort, 'tr_append_only'); end;

-- The answers that count: every reading goes through it. An attempt has steps 1 and 2, and after they
-- were voided 3 and 4, and so on: paid or failed is odd, a refund after success even.
create view outcome_now as select o.book_id, o.payment_id, o.attempt_no, o.step, o.kind,
  o.source_id, o.line_no,
  coalesce((select r.reason from outcome_reason r where r.book_id = o.book_id
    and r.payment_id = o.payment_id and r.attempt_no = o.attempt_no and r.step = o.step
    order by r.n desc limit 1), o.reason) as reason,
  o.reason_text, o.bank_reference, o.entry
  from outcome o where not exists (select 1 from outcome_void v where v.book_id = o.book_id
    and v.payment_id = o.payment_id and v.attempt_no = o.attempt_no and v.step = o.step);

create trigger tr_attempt_prior before insert on attempt
when new.attempt_no > 1 and not exists (select 1 from outcome_now o where o.book_id = new.book_id
  and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no - 1 and o.kind <> 'paid')
begin select raise(abort, 'tr_attempt_prior'); end;

create trigger tr_outcome_attempt before insert on outcome
when not exists (select 1 from attempt t where t.book_id = new.book_id
  and t.payment_id = new.payment_id and t.attempt_no = new.attempt_no)
begin select raise(abort, 'tr_outcome_attempt'); end;

create trigger tr_outcome_prior before insert on outcome
when new.step > 1 and not (
  (new.step % 2 = 0 and exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no
    and o.step = new.step - 1 and o.kind = 'paid'))
  or (new.step % 2 = 1 and exists (select 1 from outcome_void v where v.book_id = new.book_id
    and v.payment_id = new.payment_id and v.attempt_no = new.attempt_no
    and v.step = new.step - 2)
    and not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no)))
begin select raise(abort, 'tr_outcome_prior'); end;

create trigger tr_outcome_void_last before insert on outcome_void
when exists (select 1 from attempt t where t.book_id = new.book_id
    and t.payment_id = new.payment_id and t.attempt_no > new.attempt_no)
  or exists (select 1 from refund_receipt h where h.book_id = new.book_id
    and h.payment_id = new.payment_id and h.attempt_no = new.attempt_no)
begin select raise(abort, 'tr_outcome_void_last'); end;

-- More kinds of proposals: the table again, and with it the one that refers to it.
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
  constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel'))
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
