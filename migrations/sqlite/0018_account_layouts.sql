-- The bank's layouts of a paying account, changed by two people: the highest version counts, version
-- 0 is in bank_account itself. What was sent keeps the layout that it was sent in. Twin of
-- postgres/0018_account_layouts.sql.
create table account_layout (
  book_id integer not null,
  bank_account_id integer not null,
  version integer not null,
  batch_profile text not null,
  return_profile text not null,
  statement_profile text not null,
  proposal_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_account_layout primary key (book_id, bank_account_id, version),
  constraint fk_account_layout_account foreign key (book_id, bank_account_id)
    references bank_account (book_id, bank_account_id)
) strict, without rowid;
create trigger tr_account_layout_update before update on account_layout
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_account_layout_delete before delete on account_layout
begin select raise(abort, 'tr_append_only'); end;

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
  constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel', 'clear', 'layouts'))
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
