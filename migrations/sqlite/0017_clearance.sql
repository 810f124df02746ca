-- 准予补发: two people say that what made an attempt fail is gone, so that it may be tried again
-- with the same account. Twin of postgres/0017_clearance.sql.
create table re_pay_clearance (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  proposal_id integer not null,
  exception_id integer not null,
  user_id integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_re_pay_clearance primary key (book_id, payment_id, attempt_no, step),
  constraint ck_re_pay_clearance_source check ((proposal_id > 0) <> (exception_id > 0)),
  constraint ck_re_pay_clearance_reason check (length(reason) > 0)
) strict, without rowid;
create trigger tr_re_pay_clearance_update before update on re_pay_clearance
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_re_pay_clearance_delete before delete on re_pay_clearance
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_re_pay_clearance_failed before insert on re_pay_clearance
when not exists (select 1 from outcome_now o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no
    and o.step = new.step and o.kind in ('failed', 'refunded'))
  or exists (select 1 from attempt t where t.book_id = new.book_id
    and t.payment_id = new.payment_id and t.attempt_no > new.attempt_no)
begin select raise(abort, 'tr_re_pay_clearance_failed'); end;

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
  constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel', 'clear'))
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
