-- Recovery (追缴) of what was overpaid: proposed, confirmed, paid back in instalments or withheld
-- from later payments, written off, handed to the treasury. Twin of sqlite/0003_recovery.sql.

-- 追缴: what was overpaid to one payee of a household for months of one year, and is owed back.
-- Its number is of the series of payments: what it takes back are lines of `payment_line` under
-- that number.
create table recovery (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  recovery_id integer not null,
  program_id integer not null,
  household_id integer not null,
  payee_id integer not null,
  area_id integer not null,
  lines integer not null,
  entry integer not null,
  first_month text collate "C" not null,
  last_month text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_recovery primary key (book_id, recovery_id) with (fillfactor = 100),
  constraint ck_recovery_amount check (amount_fen > 0),
  constraint ck_recovery_months check (first_month <= last_month
    and substr(first_month, 1, 4) = substr(last_month, 1, 4))
);
create trigger tr_recovery_append_only before update or delete or truncate on recovery
  for each statement execute function refuse_change();
alter table recovery enable always trigger tr_recovery_append_only;

-- What was proposed, by subject, component and month. It is judged again when it is confirmed, and
-- only then taken back in `payment_line`.
create table recovery_line (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  recovery_id integer not null,
  line_no integer not null,
  subject_id integer not null,
  award_id integer not null,
  component_id integer not null,
  entry integer not null,
  month text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_recovery_line primary key (book_id, recovery_id, line_no) with (fillfactor = 100),
  constraint ck_recovery_line_amount check (amount_fen > 0)
);
create trigger tr_recovery_line_append_only before update or delete or truncate on recovery_line
  for each statement execute function refuse_change();
alter table recovery_line enable always trigger tr_recovery_line_append_only;

-- The way of a recovery. The newest event gives its state and what is left; n makes two equal steps
-- impossible. standing says in whose books the money belongs: same (this year's expense), closed
-- (expense of a year that has passed), earlier (due to the treasury from the start).
create table recovery_event (
  amount_fen bigint not null,
  left_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  recovery_id integer not null,
  n integer not null,
  user_id integer not null,
  bank_account_id integer not null,
  appropriation_id integer not null,
  exception_id integer not null,
  run_id integer not null,
  voucher_id integer not null,
  entry integer not null,
  event text collate "C" not null,
  state text collate "C" not null,
  on_date text collate "C" not null,
  standing text collate "C" not null,
  note text collate "C" not null,
  constraint pk_recovery_event primary key (book_id, recovery_id, n) with (fillfactor = 100),
  constraint ck_recovery_event_left check (left_fen >= 0),
  constraint ck_recovery_event_standing check (standing in ('', 'same', 'closed', 'earlier')),
  constraint ck_recovery_event_money check (
    (event in ('confirm', 'receive', 'set-off', 'restore', 'confirm-write-off')
      and amount_fen > 0 and voucher_id > 0 and standing <> '')
    or (event not in ('confirm', 'receive', 'set-off', 'restore', 'confirm-write-off')
      and amount_fen = 0 and voucher_id = 0 and standing = ''))
);
create trigger tr_recovery_event_append_only before update or delete or truncate on recovery_event
  for each statement execute function refuse_change();
alter table recovery_event enable always trigger tr_recovery_event_append_only;

-- The plan of a recovery; n is the event that made it, and the newest counts. Cash instalments have
-- a month; a set-off says how much each run withholds, from which month, and what it leaves of a
-- payment.
create table recovery_instalment (
  amount_fen bigint not null,
  leave_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  recovery_id integer not null,
  n integer not null,
  instalment_no integer not null,
  entry integer not null,
  way text collate "C" not null,
  due_month text collate "C" not null,
  constraint pk_recovery_instalment primary key (book_id, recovery_id, n, instalment_no) with (fillfactor = 100),
  constraint ck_recovery_instalment_way check ((way = 'cash' and leave_fen = 0)
    or (way = 'set-off' and leave_fen > 0)),
  constraint ck_recovery_instalment_amount check (amount_fen > 0)
);
create trigger tr_recovery_instalment_append_only before update or delete or truncate on recovery_instalment
  for each statement execute function refuse_change();
alter table recovery_instalment enable always trigger tr_recovery_instalment_append_only;

-- What a written-off recovery charges to this year's expense again, by component.
create table write_off_part (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  recovery_id integer not null,
  n integer not null,
  component_id integer not null,
  entry integer not null,
  constraint pk_write_off_part primary key (book_id, recovery_id, n, component_id) with (fillfactor = 100),
  constraint ck_write_off_part_amount check (amount_fen > 0)
);
create trigger tr_write_off_part_append_only before update or delete or truncate on write_off_part
  for each statement execute function refuse_change();
alter table write_off_part enable always trigger tr_write_off_part_append_only;

-- What a payment withholds for a recovery, written with the payment; it takes effect when the run
-- is approved. plan_n is the plan that said so.
create table set_off (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  recovery_id integer not null,
  plan_n integer not null,
  entry integer not null,
  constraint pk_set_off primary key (book_id, payment_id, recovery_id) with (fillfactor = 100),
  constraint ck_set_off_amount check (amount_fen > 0)
);
create trigger tr_set_off_append_only before update or delete or truncate on set_off
  for each statement execute function refuse_change();
alter table set_off enable always trigger tr_set_off_append_only;

-- 上缴: recovered money of earlier years goes to the treasury; held_fen is what is still held
-- after it. appropriation_id is 0 for money that came in as cash, otherwise the appropriation that
-- kept it when a payment withheld it.
create table hand_over (
  amount_fen bigint not null,
  held_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  hand_over_id integer not null,
  program_id integer not null,
  bank_account_id integer not null,
  appropriation_id integer not null,
  user_id integer not null,
  voucher_id integer not null,
  entry integer not null,
  on_date text collate "C" not null,
  constraint pk_hand_over primary key (book_id, hand_over_id) with (fillfactor = 100),
  constraint ck_hand_over_amount check (amount_fen > 0),
  constraint ck_hand_over_held check (held_fen >= 0)
);
create trigger tr_hand_over_append_only before update or delete or truncate on hand_over
  for each statement execute function refuse_change();
alter table hand_over enable always trigger tr_hand_over_append_only;

-- What is left follows from what was left before and what happened; nothing happens to a recovery
-- before the event before it.
create function refuse_recovery_left() returns trigger language plpgsql as $$
begin
  if (new.left_fen is distinct from (case when new.n = 1 then 0 else (select e.left_fen
      from recovery_event e where e.book_id = new.book_id and e.recovery_id = new.recovery_id
      and e.n = new.n - 1) end) + case
      when new.event in ('confirm', 'restore') then new.amount_fen
      when new.event in ('receive', 'set-off', 'confirm-write-off') then -new.amount_fen
      else 0 end)
  then
    raise exception 'tr_recovery_event_left' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_recovery_event_left';
  end if;
  return new;
end $$;
create trigger tr_recovery_event_left before insert on recovery_event
  for each row execute function refuse_recovery_left();
alter table recovery_event enable always trigger tr_recovery_event_left;

-- Two people: who proposed a recovery, or that it be written off, cannot confirm it.
create function refuse_recovery_people() returns trigger language plpgsql as $$
begin
  if exists (select 1 from recovery_event e where e.book_id = new.book_id
    and e.recovery_id = new.recovery_id and e.n = new.n - 1 and e.user_id = new.user_id)
  then
    raise exception 'tr_recovery_event_people' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_recovery_event_people';
  end if;
  return new;
end $$;
create trigger tr_recovery_event_people before insert on recovery_event
  for each row when (new.event in ('confirm', 'confirm-write-off'))
  execute function refuse_recovery_people();
alter table recovery_event enable always trigger tr_recovery_event_people;
