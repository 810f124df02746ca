-- Publication of a run (公示) with its objections, limits of approval by level, and the way back of
-- an approved run. Twin of sqlite/0004_publication.sql.

-- For how many days the runs of a program are published before they may be approved; 0 for not at
-- all. The newest version counts; a program without a rule is not published.
create table publication_rule (
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  version integer not null,
  days integer not null,
  entry integer not null,
  document text collate "C" not null,
  constraint pk_publication_rule primary key (book_id, program_id, version) with (fillfactor = 100),
  constraint ck_publication_rule_days check (days between 0 and 366)
);
create trigger tr_publication_rule_append_only before update or delete or truncate on publication_rule
  for each statement execute function refuse_change();
alter table publication_rule enable always trigger tr_publication_rule_append_only;

-- 公示: one calculation of a run on the notice board, from the first to the last day. The list is
-- a stored file; count, sum and fingerprint are those of the calculation.
create table publication (
  total_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  revision integer not null,
  payments integer not null,
  file_id integer not null,
  entry integer not null,
  from_date text collate "C" not null,
  to_date text collate "C" not null,
  fingerprint bytea not null,
  constraint pk_publication primary key (book_id, run_id, revision) with (fillfactor = 100),
  constraint ck_publication_days check (from_date <= to_date)
);
create trigger tr_publication_append_only before update or delete or truncate on publication
  for each statement execute function refuse_change();
alter table publication enable always trigger tr_publication_append_only;

-- 异议 against a published list. payment_id is 0 when it is not about one payment.
create table objection (
  seal bigint not null,
  book_id integer not null,
  objection_id integer not null,
  run_id integer not null,
  revision integer not null,
  payment_id integer not null,
  entry integer not null,
  received_on text collate "C" not null,
  detail text collate "C" not null,
  constraint pk_objection primary key (book_id, objection_id) with (fillfactor = 100),
  constraint ck_objection_detail check (length(detail) > 0),
  constraint fk_objection_publication foreign key (book_id, run_id, revision)
    references publication (book_id, run_id, revision)
);
create trigger tr_objection_append_only before update or delete or truncate on objection
  for each statement execute function refuse_change();
alter table objection enable always trigger tr_objection_append_only;

-- Its way: received by one person, then upheld or dismissed by another.
create table objection_event (
  seal bigint not null,
  book_id integer not null,
  objection_id integer not null,
  n integer not null,
  user_id integer not null,
  entry integer not null,
  event text collate "C" not null,
  note text collate "C" not null,
  constraint pk_objection_event primary key (book_id, objection_id, n) with (fillfactor = 100),
  constraint ck_objection_event_step check ((n = 1 and event = 'received')
    or (n = 2 and event in ('upheld', 'dismissed') and length(note) > 0))
);
create trigger tr_objection_event_append_only before update or delete or truncate on objection_event
  for each statement execute function refuse_change();
alter table objection_event enable always trigger tr_objection_event_append_only;

-- 审批限额: up to which payment, and which total of a run, a level may approve from a month on.
create table approval_limit (
  payment_fen bigint not null,
  run_fen bigint,
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  entry integer not null,
  level text collate "C" not null,
  from_month text collate "C" not null,
  document text collate "C" not null,
  constraint pk_approval_limit primary key (book_id, program_id, level, from_month) with (fillfactor = 100),
  constraint ck_approval_limit_level check (level in ('township', 'county', 'city')),
  constraint ck_approval_limit_payment check (payment_fen >= 0),
  constraint ck_approval_limit_run check (run_fen >= 0)
);
create trigger tr_approval_limit_append_only before update or delete or truncate on approval_limit
  for each statement execute function refuse_change();
alter table approval_limit enable always trigger tr_approval_limit_append_only;

-- Of which level a user approves. The newest version counts; a user without one is of the county.
create table approver_level (
  seal bigint not null,
  book_id integer not null,
  user_id integer not null,
  version integer not null,
  entry integer not null,
  level text collate "C" not null,
  constraint pk_approver_level primary key (book_id, user_id, version) with (fillfactor = 100),
  constraint ck_approver_level_level check (level in ('township', 'county', 'city'))
);
create trigger tr_approver_level_append_only before update or delete or truncate on approver_level
  for each statement execute function refuse_change();
alter table approver_level enable always trigger tr_approver_level_append_only;

-- An objection is settled by another person than the one who received it.
create function refuse_same_settler() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from objection_event r where r.book_id = new.book_id
    and r.objection_id = new.objection_id and r.n = new.n - 1 and r.user_id <> new.user_id)
  then
    raise exception 'tr_objection_event_people' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_objection_event_people';
  end if;
  return new;
end $$;
create trigger tr_objection_event_people before insert on objection_event
  for each row when (new.n > 1) execute function refuse_same_settler();
alter table objection_event enable always trigger tr_objection_event_people;

-- A run of a program that is published is approved and released only with this very calculation
-- published and every objection dismissed, or answered by another calculation. The rule is the one
-- in force now, or when the run was submitted. What a re-pay run pays was published before.
-- Whether the days are over is judged where the clock is.
create function refuse_unpublished() returns trigger language plpgsql as $$
begin
  if exists (select 1 from run r
      join publication_rule q on q.book_id = r.book_id and q.program_id = r.program_id
      where r.book_id = new.book_id and r.run_id = new.run_id and r.kind <> 're-pay' and q.days > 0
      and (q.version = (select max(m.version) from publication_rule m
          where m.book_id = q.book_id and m.program_id = q.program_id)
        or q.version = (select max(m.version) from publication_rule m
          where m.book_id = q.book_id and m.program_id = q.program_id
          and m.entry <= (select max(e.entry) from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.event = 'submit'))))
    and not exists (select 1 from publication p where p.book_id = new.book_id
      and p.run_id = new.run_id and p.revision = new.revision and p.payments = new.payments
      and p.total_fen = new.total_fen and p.fingerprint = new.fingerprint
      and not exists (select 1 from objection o where o.book_id = p.book_id
        and o.run_id = p.run_id
        and not exists (select 1 from objection_event d where d.book_id = o.book_id
          and d.objection_id = o.objection_id
          and (d.event = 'dismissed' or d.event = 'upheld' and o.revision < p.revision))))
  then
    raise exception 'tr_run_event_publication' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_run_event_publication';
  end if;
  return new;
end $$;
create trigger tr_run_event_publication before insert on run_event
  for each row when (new.event in ('approve', 'release')) execute function refuse_unpublished();
alter table run_event enable always trigger tr_run_event_publication;

-- Nobody approves more than the limit of their level in the month of the run.
create function refuse_above_limit() returns trigger language plpgsql as $$
begin
  if exists (select 1 from run r
    join approval_limit l on l.book_id = r.book_id and l.program_id = r.program_id
    where r.book_id = new.book_id and r.run_id = new.run_id
    and l.level = coalesce((select a.level from approver_level a where a.book_id = new.book_id
      and a.user_id = new.user_id order by a.version desc limit 1), 'county')
    and l.from_month = (select max(m.from_month) from approval_limit m where m.book_id = l.book_id
      and m.program_id = l.program_id and m.level = l.level and m.from_month <= r.month)
    and (new.total_fen > l.run_fen
      or exists (select 1 from payment p where p.book_id = new.book_id
        and p.payment_id >= new.payment_first and p.payment_id <= new.payment_last
        and p.amount_fen > l.payment_fen)
      or exists (select 1 from re_pay y where y.book_id = new.book_id and y.run_id = new.run_id
        and y.revision = new.revision and y.amount_fen > l.payment_fen)))
  then
    raise exception 'tr_run_event_limit' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_run_event_limit';
  end if;
  return new;
end $$;
create trigger tr_run_event_limit before insert on run_event
  for each row when (new.event = 'approve') execute function refuse_above_limit();
alter table run_event enable always trigger tr_run_event_limit;

-- A run is released or taken back only right after its approval: not twice, not one after the other.
create function refuse_without_approval() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from run_event p
    where p.book_id = new.book_id and p.run_id = new.run_id and p.n = new.n - 1
    and p.event = 'approve')
  then
    raise exception 'tr_run_event_after_approval' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_run_event_after_approval';
  end if;
  return new;
end $$;
create trigger tr_run_event_after_approval before insert on run_event
  for each row when (new.event in ('release', 'revoke')) execute function refuse_without_approval();
alter table run_event enable always trigger tr_run_event_after_approval;

-- 红字冲销: a voucher is reversed whole, and a reversal is not reversed.
create function refuse_partial_reversal() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from voucher v
    where v.book_id = new.book_id and v.voucher_id = new.reverses_id and v.reverses_id is null
    and v.transfers = new.transfers and v.total_fen = new.total_fen)
  then
    raise exception 'tr_voucher_reversal' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_voucher_reversal';
  end if;
  return new;
end $$;
create trigger tr_voucher_reversal before insert on voucher
  for each row when (new.reverses_id is not null) execute function refuse_partial_reversal();
alter table voucher enable always trigger tr_voucher_reversal;
