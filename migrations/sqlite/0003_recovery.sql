-- Recovery (追缴) of what was overpaid: proposed, confirmed, paid back in instalments or withheld
-- from later payments, written off, handed to the treasury. Twin of postgres/0003_recovery.sql.

-- 追缴: what was overpaid to one payee of a household for months of one year, and is owed back.
-- Its number is of the series of payments: what it takes back are lines of `payment_line` under
-- that number.
create table recovery (
  book_id integer not null,
  recovery_id integer not null,
  program_id integer not null,
  household_id integer not null,
  payee_id integer not null,
  area_id integer not null,
  first_month text not null,
  last_month text not null,
  amount_fen integer not null,
  lines integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_recovery primary key (book_id, recovery_id),
  constraint ck_recovery_amount check (amount_fen > 0),
  constraint ck_recovery_months check (first_month <= last_month
    and substr(first_month, 1, 4) = substr(last_month, 1, 4))
) strict, without rowid;
create trigger tr_recovery_update before update on recovery
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_recovery_delete before delete on recovery
begin select raise(abort, 'tr_append_only'); end;

-- What was proposed, by subject, component and month. It is judged again when it is confirmed, and
-- only then taken back in `payment_line`.
create table recovery_line (
  book_id integer not null,
  recovery_id integer not null,
  line_no integer not null,
  subject_id integer not null,
  award_id integer not null,
  component_id integer not null,
  month text not null,
  amount_fen integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_recovery_line primary key (book_id, recovery_id, line_no),
  constraint ck_recovery_line_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_recovery_line_update before update on recovery_line
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_recovery_line_delete before delete on recovery_line
begin select raise(abort, 'tr_append_only'); end;

-- The way of a recovery. The newest event gives its state and what is left; n makes two equal steps
-- impossible. standing says in whose books the money belongs: same (this year's expense), closed
-- (expense of a year that has passed), earlier (due to the treasury from the start).
create table recovery_event (
  book_id integer not null,
  recovery_id integer not null,
  n integer not null,
  event text not null,
  state text not null,
  user_id integer not null,
  on_date text not null,
  amount_fen integer not null,
  left_fen integer not null,
  standing text not null,
  bank_account_id integer not null,
  appropriation_id integer not null,
  exception_id integer not null,
  run_id integer not null,
  voucher_id integer not null,
  note text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_recovery_event primary key (book_id, recovery_id, n),
  constraint ck_recovery_event_left check (left_fen >= 0),
  constraint ck_recovery_event_standing check (standing in ('', 'same', 'closed', 'earlier')),
  constraint ck_recovery_event_money check (
    (event in ('confirm', 'receive', 'set-off', 'restore', 'confirm-write-off')
      and amount_fen > 0 and voucher_id > 0 and standing <> '')
    or (event not in ('confirm', 'receive', 'set-off', 'restore', 'confirm-write-off')
      and amount_fen = 0 and voucher_id = 0 and standing = ''))
) strict, without rowid;
create trigger tr_recovery_event_update before update on recovery_event
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_recovery_event_delete before delete on recovery_event
begin select raise(abort, 'tr_append_only'); end;

-- The plan of a recovery; n is the event that made it, and the newest counts. Cash instalments have
-- a month; a set-off says how much each run withholds, from which month, and what it leaves of a
-- payment.
create table recovery_instalment (
  book_id integer not null,
  recovery_id integer not null,
  n integer not null,
  instalment_no integer not null,
  way text not null,
  due_month text not null,
  amount_fen integer not null,
  leave_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_recovery_instalment primary key (book_id, recovery_id, n, instalment_no),
  constraint ck_recovery_instalment_way check ((way = 'cash' and leave_fen = 0)
    or (way = 'set-off' and leave_fen > 0)),
  constraint ck_recovery_instalment_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_recovery_instalment_update before update on recovery_instalment
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_recovery_instalment_delete before delete on recovery_instalment
begin select raise(abort, 'tr_append_only'); end;

-- What a written-off recovery charges to this year's expense again, by component.
create table write_off_part (
  book_id integer not null,
  recovery_id integer not null,
  n integer not null,
  component_id integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_write_off_part primary key (book_id, recovery_id, n, component_id),
  constraint ck_write_off_part_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_write_off_part_update before update on write_off_part
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_write_off_part_delete before delete on write_off_part
begin select raise(abort, 'tr_append_only'); end;

-- What a payment withholds for a recovery, written with the payment; it takes effect when the run
-- is approved. plan_n is the plan that said so.
create table set_off (
  book_id integer not null,
  payment_id integer not null,
  recovery_id integer not null,
  plan_n integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_set_off primary key (book_id, payment_id, recovery_id),
  constraint ck_set_off_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_set_off_update before update on set_off
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_set_off_delete before delete on set_off
begin select raise(abort, 'tr_append_only'); end;

-- 上缴: recovered money of earlier years goes to the treasury; held_fen is what is still held
-- after it. appropriation_id is 0 for money that came in as cash, otherwise the appropriation that
-- kept it when a payment withheld it.
create table hand_over (
  book_id integer not null,
  hand_over_id integer not null,
  program_id integer not null,
  bank_account_id integer not null,
  appropriation_id integer not null,
  amount_fen integer not null,
  held_fen integer not null,
  on_date text not null,
  user_id integer not null,
  voucher_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_hand_over primary key (book_id, hand_over_id),
  constraint ck_hand_over_amount check (amount_fen > 0),
  constraint ck_hand_over_held check (held_fen >= 0)
) strict, without rowid;
create trigger tr_hand_over_update before update on hand_over
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_hand_over_delete before delete on hand_over
begin select raise(abort, 'tr_append_only'); end;

-- What is left follows from what was left before and what happened; nothing happens to a recovery
-- before the event before it.
create trigger tr_recovery_event_left before insert on recovery_event
when new.left_fen is not (case when new.n = 1 then 0 else (select e.left_fen
      from recovery_event e where e.book_id = new.book_id and e.recovery_id = new.recovery_id
      and e.n = new.n - 1) end) + case
      when new.event in ('confirm', 'restore') then new.amount_fen
      when new.event in ('receive', 'set-off', 'confirm-write-off') then -new.amount_fen
      else 0 end
begin select raise(abort, 'tr_recovery_event_left'); end;

-- Two people: who proposed a recovery, or that it be written off, cannot confirm it.
create trigger tr_recovery_event_people before insert on recovery_event
when new.event in ('confirm', 'confirm-write-off')
  and exists (select 1 from recovery_event e where e.book_id = new.book_id
    and e.recovery_id = new.recovery_id and e.n = new.n - 1 and e.user_id = new.user_id)
begin select raise(abort, 'tr_recovery_event_people'); end;
