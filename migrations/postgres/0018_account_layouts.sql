-- The bank's layouts of a paying account, changed by two people: the highest version counts, version
-- 0 is in bank_account itself. What was sent keeps the layout that it was sent in. Twin of
-- sqlite/0018_account_layouts.sql.
create table account_layout (
  seal bigint not null,
  book_id integer not null,
  bank_account_id integer not null,
  version integer not null,
  proposal_id integer not null,
  entry integer not null,
  batch_profile text collate "C" not null,
  return_profile text collate "C" not null,
  statement_profile text collate "C" not null,
  constraint pk_account_layout primary key (book_id, bank_account_id, version)
    with (fillfactor = 100),
  constraint fk_account_layout_account foreign key (book_id, bank_account_id)
    references bank_account (book_id, bank_account_id)
);
create trigger tr_account_layout_append_only
  before update or delete or truncate on account_layout
  for each statement execute function refuse_change();
alter table account_layout enable always trigger tr_account_layout_append_only;

-- One more kind of proposals.
alter table rule_proposal drop constraint ck_rule_proposal_kind;
alter table rule_proposal add constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level', 'reason', 'withdraw', 'cancel', 'clear', 'layouts'));
