-- Publication of a run (公示) with its objections, limits of approval by level, and the way back of
-- an approved run. Twin of postgres/0004_publication.sql.

-- For how many days the runs of a program are published before they may be approved; 0 for not at
-- all. The newest version counts; a program without a rule is not published.
create table publication_rule (
  book_id integer not null,
  program_id integer not null,
  version integer not null,
  days integer not null,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_publication_rule primary key (book_id, program_id, version),
  constraint ck_publication_rule_days check (days between 0 and 366)
) strict, without rowid;
create trigger tr_publication_rule_update before update on publication_rule
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_publication_rule_delete before delete on publication_rule
begin select raise(abort, 'tr_append_only'); end;

-- 公示: one calculation of a run on the notice board, from the first to the last day. The list is
-- a stored file; count, sum and fingerprint are those of the calculation.
create table publication (
  book_id integer not null,
  run_id integer not null,
  revision integer not null,
  from_date text not null,
  to_date text not null,
  payments integer not null,
  total_fen integer not null,
  fingerprint blob not null,
  file_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_publication primary key (book_id, run_id, revision),
  constraint ck_publication_days check (from_date <= to_date)
) strict, without rowid;
create trigger tr_publication_update before update on publication
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_publication_delete before delete on publication
begin select raise(abort, 'tr_append_only'); end;

-- 异议 against a published list. payment_id is 0 when it is not about one payment.
create table objection (
  book_id integer not null,
  objection_id integer not null,
  run_id integer not null,
  revision integer not null,
  payment_id integer not null,
  received_on text not null,
  detail text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_objection primary key (book_id, objection_id),
  constraint ck_objection_detail check (length(detail) > 0),
  constraint fk_objection_publication foreign key (book_id, run_id, revision)
    references publication (book_id, run_id, revision)
) strict, without rowid;
create trigger tr_objection_update before update on objection
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_objection_delete before delete on objection
begin select raise(abort, 'tr_append_only'); end;

-- Its way: received by one person, then upheld or dismissed by another.
create table objection_event (
  book_id integer not null,
  objection_id integer not null,
  n integer not null,
  event text not null,
  user_id integer not null,
  note text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_objection_event primary key (book_id, objection_id, n),
  constraint ck_objection_event_step check ((n = 1 and event = 'received')
    or (n = 2 and event in ('upheld', 'dismissed') and length(note) > 0))
) strict, without rowid;
create trigger tr_objection_event_update before update on objection_event
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_objection_event_delete before delete on objection_event
begin select raise(abort, 'tr_append_only'); end;

-- 审批限额: up to which payment, and which total of a run, a level may approve from a month on.
create table approval_limit (
  book_id integer not null,
  program_id integer not null,
  level text not null,
  from_month text not null,
  payment_fen integer not null,
  run_fen integer,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_approval_limit primary key (book_id, program_id, level, from_month),
  constraint ck_approval_limit_level check (level in ('township', 'county', 'city')),
  constraint ck_approval_limit_payment check (payment_fen >= 0),
  constraint ck_approval_limit_run check (run_fen >= 0)
) strict, without rowid;
create trigger tr_approval_limit_update before update on approval_limit
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_approval_limit_delete before delete on approval_limit
begin select raise(abort, 'tr_append_only'); end;

-- Of which level a user approves. The newest version counts; a user without one is of the county.
create table approver_level (
  book_id integer not null,
  user_id integer not null,
  version integer not null,
  level text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_approver_level primary key (book_id, user_id, version),
  constraint ck_approver_level_level check (level in ('township', 'county', 'city'))
) strict, without rowid;
create trigger tr_approver_level_update before update on approver_level
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_approver_level_delete before delete on approver_level
begin select raise(abort, 'tr_append_only'); end;

-- An objection is settled by another person than the one who received it.
create trigger tr_objection_event_people before insert on objection_event
when new.n > 1 and not exists (select 1 from objection_event r where r.book_id = new.book_id
  and r.objection_id = new.objection_id and r.n = new.n - 1 and r.user_id <> new.user_id)
begin select raise(abort, 'tr_objection_event_people'); end;

-- A run of a program that is published is approved and released only with this very calculation
-- published and every objection dismissed, or answered by another calculation. The rule is the one
-- in force now, or when the run was submitted. What a re-pay run pays was published before.
-- Whether the days are over is judged where the clock is.
create trigger tr_run_event_publication before insert on run_event
when new.event in ('approve', 'release')
  and exists (select 1 from run r
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
begin select raise(abort, 'tr_run_event_publication'); end;

-- Nobody approves more than the limit of their level in the month of the run.
create trigger tr_run_event_limit before insert on run_event
when new.event = 'approve' and exists (select 1 from run r
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
begin select raise(abort, 'tr_run_event_limit'); end;

-- A run is released or taken back only right after its approval: not twice, not one after the other.
create trigger tr_run_event_after_approval before insert on run_event
when new.event in ('release', 'revoke') and not exists (select 1 from run_event p
  where p.book_id = new.book_id and p.run_id = new.run_id and p.n = new.n - 1
  and p.event = 'approve')
begin select raise(abort, 'tr_run_event_after_approval'); end;

-- 红字冲销: a voucher is reversed whole, and a reversal is not reversed.
create trigger tr_voucher_reversal before insert on voucher
when new.reverses_id is not null and not exists (select 1 from voucher v
  where v.book_id = new.book_id and v.voucher_id = new.reverses_id and v.reverses_id is null
  and v.transfers = new.transfers and v.total_fen = new.total_fen)
begin select raise(abort, 'tr_voucher_reversal'); end;
