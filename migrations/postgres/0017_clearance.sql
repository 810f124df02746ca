-- 准予补发: two people say that what made an attempt fail is gone, so that it may be tried again
-- with the same account. Twin of sqlite/0017_clearance.sql.
create table re_pay_clearance (
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  proposal_id integer not null,
  exception_id integer not null,
  user_id integer not null,
  entry integer not null,
  reason text collate "C" not null,
  constraint pk_re_pay_clearance primary key (book_id, payment_id, attempt_no, step) with (fillfactor = 100),
  constraint ck_re_pay_clearance_source check ((proposal_id > 0) <> (exception_id > 0)),
  constraint ck_re_pay_clearance_reason check (length(reason) > 0)
);
create trigger tr_re_pay_clearance_append_only
  before update or delete or truncate on re_pay_clearance
  for each statement execute function refuse_change();
alter table re_pay_clearance enable always trigger tr_re_pay_clearance_append_only;
create function refuse_clearance() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from outcome_now o where o.book_id = new.book_id
      and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no
      and o.step = new.step and o.kind in ('failed', 'refunded'))
    or exists (select 1 from attempt t where t.book_id = new.book_id
      and t.payment_id = new.payment_id and t.attempt_no > new.attempt_no)
  then
    raise exception 'tr_re_pay_clearance_failed' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_re_pay_clearance_failed';
  end if;
  return new;
end $$;
create trigger tr_re_pay_clearance_failed before insert on re_pay_clearance
  for each row execute function refuse_clearance();
alter table re_pay_clearance enable always trigger tr_re_pay_clearance_failed;

-- One more kind of proposals.
alter table rule_proposal drop constraint ck_rule_proposal_kind;
alter table rule_proposal add constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel', 'clear'));
