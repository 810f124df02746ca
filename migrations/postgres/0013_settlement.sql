-- Settling differences: answers that count no more, what a settlement booked, payments cancelled for
-- good, and what a bank's words mean. Twin of sqlite/0013_settlement.sql.

-- An answer which was voided can be followed by another one.
alter table outcome drop constraint ck_outcome_kind;
alter table outcome add constraint ck_outcome_kind check ((step % 2 = 1 and kind in ('paid', 'failed')) or (step % 2 = 0 and kind = 'refunded'));

-- An answer of a bank that counts no more: its file was withdrawn, or two people found that it was
-- wrong. return_id is the return that it came with; voucher_id turned back what it had booked.
create table outcome_void (
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  return_id integer not null,
  voucher_id integer not null,
  entry integer not null,
  constraint pk_outcome_void primary key (book_id, payment_id, attempt_no, step) with (fillfactor = 100),
  constraint fk_outcome_void_outcome foreign key (book_id, payment_id, attempt_no, step)
    references outcome (book_id, payment_id, attempt_no, step)
);
create trigger tr_outcome_void_append_only before update or delete or truncate on outcome_void
  for each statement execute function refuse_change();
alter table outcome_void enable always trigger tr_outcome_void_append_only;

-- 撤回回盘, by two people; the file may be imported again. lines is how many of its answers count no
-- more, voucher_id 0 when it had booked nothing.
create table return_withdrawal (
  seal bigint not null,
  book_id integer not null,
  return_id integer not null,
  proposal_id integer not null,
  lines integer not null,
  voucher_id integer not null,
  user_id integer not null,
  entry integer not null,
  reason text collate "C" not null,
  constraint pk_return_withdrawal primary key (book_id, return_id) with (fillfactor = 100),
  constraint ck_return_withdrawal_reason check (length(reason) > 0)
);
create trigger tr_return_withdrawal_append_only before update or delete or truncate on return_withdrawal
  for each statement execute function refuse_change();
alter table return_withdrawal enable always trigger tr_return_withdrawal_append_only;

-- The reason of a failure, classified again when two people taught its words.
create table outcome_reason (
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  n integer not null,
  rule_id integer not null,
  entry integer not null,
  reason text collate "C" not null,
  constraint pk_outcome_reason primary key (book_id, payment_id, attempt_no, step, n) with (fillfactor = 100)
);
create trigger tr_outcome_reason_append_only before update or delete or truncate on outcome_reason
  for each statement execute function refuse_change();
alter table outcome_reason enable always trigger tr_outcome_reason_append_only;

-- What a bank's words mean, taught by two people; the newest rule of the same words counts.
create table reason_rule (
  seal bigint not null,
  book_id integer not null,
  rule_id integer not null,
  proposal_id integer not null,
  entry integer not null,
  words text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_reason_rule primary key (book_id, rule_id) with (fillfactor = 100),
  constraint ck_reason_rule_words check (length(words) > 0)
);
create trigger tr_reason_rule_append_only before update or delete or truncate on reason_rule
  for each statement execute function refuse_change();
alter table reason_rule enable always trigger tr_reason_rule_append_only;

-- What the settlement of a difference did: one for each, whoever asks. voucher_id 0: it booked nothing.
-- other_id is the difference that it was settled against; 0 where a dimension does not apply.
create table exception_settlement (
  seal bigint not null,
  amount_fen bigint not null,
  book_id integer not null,
  exception_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  other_id integer not null,
  bank_account_id integer not null,
  program_id integer not null,
  voucher_id integer not null,
  proposer_id integer not null,
  user_id integer not null,
  entry integer not null,
  effect text collate "C" not null,
  constraint pk_exception_settlement primary key (book_id, exception_id) with (fillfactor = 100),
  constraint ck_exception_settlement_amount check (amount_fen >= 0),
  constraint ck_exception_settlement_people check (proposer_id <> user_id),
  constraint fk_exception_settlement_exception foreign key (book_id, exception_id)
    references exception (book_id, exception_id)
);
create trigger tr_exception_settlement_append_only before update or delete or truncate on exception_settlement
  for each statement execute function refuse_change();
alter table exception_settlement enable always trigger tr_exception_settlement_append_only;

-- What is noted of a difference: when it came up, who looks after it, comments and evidence (a file's
-- name and hash).
create table exception_note (
  seal bigint not null,
  book_id integer not null,
  exception_id integer not null,
  n integer not null,
  user_id integer not null,
  owner_id integer not null,
  entry integer not null,
  kind text collate "C" not null,
  on_date text collate "C" not null,
  text text collate "C" not null,
  file_name text collate "C" not null,
  sha256 text collate "C" not null,
  constraint pk_exception_note primary key (book_id, exception_id, n) with (fillfactor = 100),
  constraint ck_exception_note_kind check (kind in ('opened', 'owner', 'comment', 'evidence'))
);
create trigger tr_exception_note_append_only before update or delete or truncate on exception_note
  for each statement execute function refuse_change();
alter table exception_note enable always trigger tr_exception_note_append_only;

-- 取消发放, by two people: the payment is owed no more. standing: expense of this year is taken back, of
-- an earlier year the money is due to the treasury.
create table cancellation (
  seal bigint not null,
  amount_fen bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  proposal_id integer not null,
  exception_id integer not null,
  program_id integer not null,
  appropriation_id integer not null,
  voucher_id integer not null,
  user_id integer not null,
  entry integer not null,
  standing text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_cancellation primary key (book_id, payment_id) with (fillfactor = 100),
  constraint ck_cancellation_amount check (amount_fen > 0),
  constraint ck_cancellation_standing check (standing in ('same', 'earlier'))
);
create trigger tr_cancellation_append_only before update or delete or truncate on cancellation
  for each statement execute function refuse_change();
alter table cancellation enable always trigger tr_cancellation_append_only;

-- What a cancellation took back of the expense of its year by component (below zero), or what a loss
-- added to it.
create table expense_change (
  seal bigint not null,
  amount_fen bigint not null,
  book_id integer not null,
  voucher_id integer not null,
  program_id integer not null,
  component_id integer not null,
  entry integer not null,
  constraint pk_expense_change primary key (book_id, voucher_id, program_id, component_id) with (fillfactor = 100),
  constraint ck_expense_change_amount check (amount_fen <> 0)
);
create trigger tr_expense_change_append_only before update or delete or truncate on expense_change
  for each statement execute function refuse_change();
alter table expense_change enable always trigger tr_expense_change_append_only;

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

create or replace function refuse_attempt() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no - 1 and o.kind <> 'paid')
  then
    raise exception 'tr_attempt_prior' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_attempt_prior';
  end if;
  return new;
end $$;

create or replace function refuse_outcome() returns trigger language plpgsql as $$
begin
  if not (
    (new.step % 2 = 0 and exists (select 1 from outcome_now o where o.book_id = new.book_id
      and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no
      and o.step = new.step - 1 and o.kind = 'paid'))
    or (new.step % 2 = 1 and exists (select 1 from outcome_void v where v.book_id = new.book_id
      and v.payment_id = new.payment_id and v.attempt_no = new.attempt_no
      and v.step = new.step - 2)
      and not exists (select 1 from outcome_now o where o.book_id = new.book_id
      and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no)))
  then
    raise exception 'tr_outcome_prior' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_prior';
  end if;
  return new;
end $$;

create function refuse_void() returns trigger language plpgsql as $$
begin
  if exists (select 1 from attempt t where t.book_id = new.book_id
      and t.payment_id = new.payment_id and t.attempt_no > new.attempt_no)
    or exists (select 1 from refund_receipt h where h.book_id = new.book_id
      and h.payment_id = new.payment_id and h.attempt_no = new.attempt_no)
  then
    raise exception 'tr_outcome_void_last' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_void_last';
  end if;
  return new;
end $$;
create trigger tr_outcome_void_last before insert on outcome_void
  for each row execute function refuse_void();
alter table outcome_void enable always trigger tr_outcome_void_last;

-- More kinds of proposals.
alter table rule_proposal drop constraint ck_rule_proposal_kind;
alter table rule_proposal add constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel'));
