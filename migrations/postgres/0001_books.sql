-- The books, first form.
-- Twin of sqlite/0001_books.sql: same tables, columns, keys and constraint names; a test compares them.
-- Types are integer, text and bytes. Money is fen, time is microseconds UTC, dates and months are
-- text. Money, times and seals are bigint, ids and counts integer: a book has up to
-- 2,147,483,647 rows of a kind. Wide columns stand first, so that none is padded; indexes that
-- grow at their right edge are packed full. `entry` is the audit entry that a row belongs to, `seal` the first 8 bytes of its leaf
-- hash (ledger/docs/audit-format.md). Tables are append-only unless their comment says otherwise;
-- what can be derived from other rows is not stored, but for balances, success rates and counters.

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'tr_append_only' using
    errcode = 'integrity_constraint_violation', constraint = 'tr_append_only';
end $$;

-- 账套: one agency's set of books; the unit of isolation and of sharding.
create table book (
  created_at bigint not null,
  seal bigint not null,
  book_id integer not null,
  entry integer not null,
  code text collate "C" not null,
  name text collate "C" not null,
  region text collate "C" not null,
  constraint pk_book primary key (book_id) with (fillfactor = 100),
  constraint uq_book_code unique (code) with (fillfactor = 100),
  constraint ck_book_code check (length(code) between 1 and 32)
);
create trigger tr_book_append_only before update or delete or truncate on book
  for each statement execute function refuse_change();
alter table book enable always trigger tr_book_append_only;

-- The head of a book's audit trail. Its row is locked first by every command, so one command at a
-- time writes to a book. Mutable; `audit verify` recomputes it.
create table book_head (
  size bigint not null,
  book_id integer not null,
  root bytea not null,
  frontier bytea not null,
  previous bytea not null,
  constraint pk_book_head primary key (book_id)
);

-- The next free number of each kind of id. Mutable; `audit verify` recomputes it.
create table counter (
  next bigint not null,
  book_id integer not null,
  name text collate "C" not null,
  constraint pk_counter primary key (book_id, name),
  constraint ck_counter_next check (next >= 1)
);

-- Equal refusals within a minute become one audit entry and a count here. Mutable.
create table refusal_tally (
  minute bigint not null,
  book_id integer not null,
  refusals integer not null,
  fingerprint bytea not null,
  constraint pk_refusal_tally primary key (book_id, minute, fingerprint)
);

-- The audit trail: canonical bytes and their leaf hash.
create table audit_entry (
  book_id integer not null,
  sequence integer not null,
  bytes bytea not null,
  leaf bytea not null,
  constraint pk_audit_entry primary key (book_id, sequence) with (fillfactor = 100),
  constraint ck_audit_entry_leaf check (length(leaf) = 32)
);
create trigger tr_audit_entry_append_only before update or delete or truncate on audit_entry
  for each statement execute function refuse_change();
alter table audit_entry enable always trigger tr_audit_entry_append_only;

-- The answers of commands by the caller's key: the same key never has a second effect.
create table command (
  seal bigint not null,
  book_id integer not null,
  entry integer not null,
  command_key text collate "C" not null,
  kind text collate "C" not null,
  request text collate "C" not null,
  answer text collate "C" not null,
  constraint pk_command primary key (book_id, command_key) with (fillfactor = 100)
);
create trigger tr_command_append_only before update or delete or truncate on command
  for each statement execute function refuse_change();
alter table command enable always trigger tr_command_append_only;

-- A user; each change is a new version.
create table app_user (
  seal bigint not null,
  book_id integer not null,
  user_id integer not null,
  version integer not null,
  entry integer not null,
  login text collate "C" not null,
  name text collate "C" not null,
  roles text collate "C" not null,
  status text collate "C" not null,
  constraint pk_app_user primary key (book_id, user_id, version) with (fillfactor = 100),
  constraint uq_app_user_login unique (book_id, login, version) with (fillfactor = 100),
  constraint ck_app_user_status check (status in ('active', 'disabled'))
);
create trigger tr_app_user_append_only before update or delete or truncate on app_user
  for each statement execute function refuse_change();
alter table app_user enable always trigger tr_app_user_append_only;

-- Password hashes (argon2id, PHC text); the newest version counts.
create table credential (
  seal bigint not null,
  book_id integer not null,
  user_id integer not null,
  version integer not null,
  entry integer not null,
  hash text collate "C" not null,
  constraint pk_credential primary key (book_id, user_id, version) with (fillfactor = 100)
);
create trigger tr_credential_append_only before update or delete or truncate on credential
  for each statement execute function refuse_change();
alter table credential enable always trigger tr_credential_append_only;

-- The agency's accounts. debit_style: does the bank take the whole batch and send failures back,
-- or only what succeeded.
create table bank_account (
  seal bigint not null,
  book_id integer not null,
  bank_account_id integer not null,
  entry integer not null,
  code text collate "C" not null,
  bank_name text collate "C" not null,
  bank_no text collate "C" not null,
  account_no text collate "C" not null,
  account_name text collate "C" not null,
  debit_style text collate "C" not null,
  batch_profile text collate "C" not null,
  return_profile text collate "C" not null,
  statement_profile text collate "C" not null,
  constraint pk_bank_account primary key (book_id, bank_account_id) with (fillfactor = 100),
  constraint uq_bank_account_code unique (book_id, code) with (fillfactor = 100),
  constraint ck_bank_account_debit check (debit_style in ('whole', 'succeeded'))
);
create trigger tr_bank_account_append_only before update or delete or truncate on bank_account
  for each statement execute function refuse_change();
alter table bank_account enable always trigger tr_bank_account_append_only;

-- 救助项目.
create table program (
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  entry integer not null,
  code text collate "C" not null,
  name text collate "C" not null,
  function_code text collate "C" not null,
  constraint pk_program primary key (book_id, program_id) with (fillfactor = 100),
  constraint uq_program_code unique (book_id, code) with (fillfactor = 100)
);
create trigger tr_program_append_only before update or delete or truncate on program
  for each statement execute function refuse_change();
alter table program enable always trigger tr_program_append_only;

-- 发放项目: the fund category. cadence: months of the year in which it falls due, or once.
create table component (
  seal bigint not null,
  book_id integer not null,
  component_id integer not null,
  program_id integer not null,
  entry integer not null,
  code text collate "C" not null,
  name text collate "C" not null,
  scope text collate "C" not null,
  cadence text collate "C" not null,
  constraint pk_component primary key (book_id, component_id) with (fillfactor = 100),
  constraint uq_component_code unique (book_id, program_id, code) with (fillfactor = 100),
  constraint ck_component_scope check (scope in ('person', 'household'))
);
create trigger tr_component_append_only before update or delete or truncate on component
  for each statement execute function refuse_change();
alter table component enable always trigger tr_component_append_only;

-- 保障标准: dated, with the number of its document.
create table standard (
  amount_fen bigint,
  seal bigint not null,
  book_id integer not null,
  standard_id integer not null,
  component_id integer not null,
  entry integer not null,
  tag text collate "C" not null,
  from_month text collate "C" not null,
  formula text collate "C" not null,
  rate text collate "C",
  reference text collate "C",
  rounding text collate "C",
  document text collate "C" not null,
  constraint pk_standard primary key (book_id, standard_id) with (fillfactor = 100),
  constraint uq_standard_date unique (book_id, component_id, tag, from_month) with (fillfactor = 100),
  constraint ck_standard_formula check (formula in ('amount', 'amount-minus-income', 'rate', 'individual'))
);
create trigger tr_standard_append_only before update or delete or truncate on standard
  for each statement execute function refuse_change();
alter table standard enable always trigger tr_standard_append_only;

-- Amounts that formulas refer to: minimum wage, another program's standard.
create table reference_amount (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  entry integer not null,
  code text collate "C" not null,
  from_month text collate "C" not null,
  document text collate "C" not null,
  constraint pk_reference_amount primary key (book_id, code, from_month) with (fillfactor = 100)
);
create trigger tr_reference_amount_append_only before update or delete or truncate on reference_amount
  for each statement execute function refuse_change();
alter table reference_amount enable always trigger tr_reference_amount_append_only;

-- 指标: money granted by a quota letter, for one program.
create table appropriation (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  appropriation_id integer not null,
  budget_year integer not null,
  program_id integer not null,
  bank_account_id integer not null,
  priority integer not null,
  entry integer not null,
  document text collate "C" not null,
  level text collate "C" not null,
  function_code text collate "C" not null,
  received_on text collate "C" not null,
  constraint pk_appropriation primary key (book_id, appropriation_id) with (fillfactor = 100),
  constraint uq_appropriation_document unique (book_id, document, program_id) with (fillfactor = 100),
  constraint ck_appropriation_amount check (amount_fen > 0),
  constraint ck_appropriation_level check (level in ('central', 'province', 'city', 'county', 'donation'))
);
create trigger tr_appropriation_append_only before update or delete or truncate on appropriation
  for each statement execute function refuse_change();
alter table appropriation enable always trigger tr_appropriation_append_only;

-- How a program is paid: from which account, in the order of its appropriations or by the shares
-- of each level. The newest version counts.
create table funding_rule (
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  version integer not null,
  bank_account_id integer not null,
  entry integer not null,
  mode text collate "C" not null,
  shares text collate "C" not null,
  constraint pk_funding_rule primary key (book_id, program_id, version) with (fillfactor = 100),
  constraint ck_funding_rule_mode check (mode in ('in-order', 'by-shares'))
);
create trigger tr_funding_rule_append_only before update or delete or truncate on funding_rule
  for each statement execute function refuse_change();
alter table funding_rule enable always trigger tr_funding_rule_append_only;

-- 乡镇、村(社区): where parties live; in a row of its own so that the names stand once.
create table area (
  seal bigint not null,
  book_id integer not null,
  area_id integer not null,
  entry integer not null,
  township text collate "C" not null,
  village text collate "C" not null,
  constraint pk_area primary key (book_id, area_id) with (fillfactor = 100),
  constraint uq_area_name unique (book_id, township, village) with (fillfactor = 100)
);
create trigger tr_area_append_only before update or delete or truncate on area
  for each statement execute function refuse_change();
alter table area enable always trigger tr_area_append_only;

-- Households, persons and institutions in one number space. reference_no is the file number, the
-- identity number or the credit code. Name and number are sealed by salted commitments.
create table party (
  seal bigint not null,
  book_id integer not null,
  party_id integer not null,
  area_id integer not null,
  entry integer not null,
  kind text collate "C" not null,
  name text collate "C" not null,
  reference_no text collate "C" not null,
  salt bytea not null,
  constraint pk_party primary key (book_id, party_id) with (fillfactor = 100),
  constraint uq_party_reference unique (book_id, kind, reference_no),
  constraint ck_party_kind check (kind in ('household', 'person', 'institution'))
);
create trigger tr_party_append_only before update or delete or truncate on party
  for each statement execute function refuse_change();
alter table party enable always trigger tr_party_append_only;

-- 开户行 with its 联行号: in a row of its own so that the names stand once.
create table branch (
  seal bigint not null,
  book_id integer not null,
  branch_id integer not null,
  entry integer not null,
  name text collate "C" not null,
  bank_no text collate "C" not null,
  constraint pk_branch primary key (book_id, branch_id) with (fillfactor = 100),
  constraint uq_branch_name unique (book_id, name, bank_no) with (fillfactor = 100)
);
create trigger tr_branch_append_only before update or delete or truncate on branch
  for each statement execute function refuse_change();
alter table branch enable always trigger tr_branch_append_only;

-- The account of a payee; a change is a new version.
create table payee_account (
  seal bigint not null,
  book_id integer not null,
  payee_id integer not null,
  version integer not null,
  branch_id integer not null,
  entry integer not null,
  holder_name text collate "C" not null,
  account_no text collate "C" not null,
  salt bytea not null,
  constraint pk_payee_account primary key (book_id, payee_id, version) with (fillfactor = 100)
);
create trigger tr_payee_account_append_only before update or delete or truncate on payee_account
  for each statement execute function refuse_change();
alter table payee_account enable always trigger tr_payee_account_append_only;

-- 核定: what a subject was approved for, from a month on. amount_fen is an individually approved
-- amount and then `basis` says why.
create table award (
  income_fen bigint not null,
  amount_fen bigint,
  seal bigint not null,
  book_id integer not null,
  award_id integer not null,
  subject_id integer not null,
  household_id integer not null,
  payee_id integer not null,
  component_id integer not null,
  entry integer not null,
  tag text collate "C" not null,
  basis text collate "C" not null,
  from_month text collate "C" not null,
  constraint pk_award primary key (book_id, award_id) with (fillfactor = 100),
  constraint ck_award_income check (income_fen >= 0),
  constraint ck_award_amount check (amount_fen >= 0)
);
create trigger tr_award_append_only before update or delete or truncate on award
  for each statement execute function refuse_change();
alter table award enable always trigger tr_award_append_only;

-- The last month of an award; before its first month when it was withdrawn unused.
create table award_end (
  seal bigint not null,
  book_id integer not null,
  award_id integer not null,
  entry integer not null,
  to_month text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_award_end primary key (book_id, award_id) with (fillfactor = 100)
);
create trigger tr_award_end_append_only before update or delete or truncate on award_end
  for each statement execute function refuse_change();
alter table award_end enable always trigger tr_award_end_append_only;

-- 发放批次.
create table run (
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  program_id integer not null,
  entry integer not null,
  kind text collate "C" not null,
  month text collate "C" not null,
  first_month text collate "C" not null,
  last_month text collate "C" not null,
  constraint pk_run primary key (book_id, run_id) with (fillfactor = 100),
  constraint ck_run_kind check (kind in ('regular', 'back-pay', 're-pay'))
);
create trigger tr_run_append_only before update or delete or truncate on run
  for each statement execute function refuse_change();
alter table run enable always trigger tr_run_append_only;

-- One person, one step: a person holds one of the four duties in a run (maker, reviewer, approver,
-- cashier), whatever happens to their roles.
create table run_duty (
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  user_id integer not null,
  entry integer not null,
  duty text collate "C" not null,
  constraint pk_run_duty primary key (book_id, run_id, user_id) with (fillfactor = 100),
  constraint uq_run_duty unique (book_id, run_id, user_id, duty) with (fillfactor = 100)
);
create trigger tr_run_duty_append_only before update or delete or truncate on run_duty
  for each statement execute function refuse_change();
alter table run_duty enable always trigger tr_run_duty_append_only;

-- The way of a run. The newest event gives its state; n makes two equal steps impossible.
-- held_duty is the duty where it is one of the four, and refers to run_duty.
create table run_event (
  happened_at bigint not null,
  total_fen bigint not null,
  carried_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  n integer not null,
  revision integer not null,
  user_id integer not null,
  payment_first integer not null,
  payment_last integer not null,
  payments integer not null,
  entry integer not null,
  event text collate "C" not null,
  state text collate "C" not null,
  duty text collate "C" not null,
  held_duty text collate "C",
  reason text collate "C" not null,
  fingerprint bytea not null,
  constraint pk_run_event primary key (book_id, run_id, n) with (fillfactor = 100)
);
create trigger tr_run_event_append_only before update or delete or truncate on run_event
  for each statement execute function refuse_change();
alter table run_event enable always trigger tr_run_event_append_only;

-- 发放明细: one amount owed to one payee in one run. Numbers of one calculation are consecutive.
-- area_id is where the household lived when the run was calculated.
create table payment (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  run_id integer not null,
  revision integer not null,
  payee_id integer not null,
  household_id integer not null,
  area_id integer not null,
  lines integer not null,
  entry integer not null,
  constraint pk_payment primary key (book_id, payment_id) with (fillfactor = 100),
  constraint ck_payment_amount check (amount_fen > 0)
);
create trigger tr_payment_append_only before update or delete or truncate on payment
  for each statement execute function refuse_change();
alter table payment enable always trigger tr_payment_append_only;

-- What a re-pay run tries again: the payments of earlier runs whose last attempt failed or came
-- back. Its attempt number is the one it will make.
create table re_pay (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  run_id integer not null,
  revision integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  entry integer not null,
  prior_kind text collate "C" not null,
  constraint pk_re_pay primary key (book_id, run_id, revision, payment_id) with (fillfactor = 100),
  constraint ck_re_pay_prior check (attempt_no > 1 and prior_kind in ('failed', 'refunded'))
);
create trigger tr_re_pay_append_only before update or delete or truncate on re_pay
  for each statement execute function refuse_change();
alter table re_pay enable always trigger tr_re_pay_append_only;

-- A payment's parts by person, component and month. n counts the lines of one subject, component
-- and month, so that two runs can not accrue the same thing side by side.
create table payment_line (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  line_no integer not null,
  subject_id integer not null,
  award_id integer not null,
  component_id integer not null,
  n integer not null,
  entry integer not null,
  month text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_payment_line primary key (book_id, payment_id, line_no) with (fillfactor = 100),
  constraint uq_payment_line_accrual unique (book_id, month, component_id, subject_id, n) with (fillfactor = 100)
);
create trigger tr_payment_line_append_only before update or delete or truncate on payment_line
  for each statement execute function refuse_change();
alter table payment_line enable always trigger tr_payment_line_append_only;

-- Files in and out, byte for byte. `content` is packed (Zstandard) and sealed through the sha256
-- and the size of what is in it.
create table stored_file (
  size bigint not null,
  seal bigint not null,
  book_id integer not null,
  file_id integer not null,
  entry integer not null,
  kind text collate "C" not null,
  name text collate "C" not null,
  sha256 bytea not null,
  content bytea not null,
  constraint pk_stored_file primary key (book_id, file_id) with (fillfactor = 100)
);
create trigger tr_stored_file_append_only before update or delete or truncate on stored_file
  for each statement execute function refuse_change();
alter table stored_file enable always trigger tr_stored_file_append_only;

-- 代发批: one bank file with its control totals.
create table batch (
  total_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  batch_id integer not null,
  run_id integer not null,
  bank_account_id integer not null,
  file_id integer not null,
  payments integer not null,
  entry integer not null,
  batch_no text collate "C" not null,
  profile text collate "C" not null,
  file_name text collate "C" not null,
  sent_on text collate "C" not null,
  constraint pk_batch primary key (book_id, batch_id) with (fillfactor = 100),
  constraint uq_batch_number unique (book_id, batch_no) with (fillfactor = 100),
  constraint uq_batch_file_name unique (book_id, file_name) with (fillfactor = 100)
);
create trigger tr_batch_append_only before update or delete or truncate on batch
  for each statement execute function refuse_change();
alter table batch enable always trigger tr_batch_append_only;

-- What became of an attempt, appended: step 1 is paid or failed, step 2 a refund after success,
-- which a trigger allows only after paid. source_id is the return of step 1, the statement of step 2. Another one refuses outcomes of attempts that are not
-- there: it looks at all rows of a statement together, which costs a quarter of a foreign key.
create table outcome (
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  source_id integer not null,
  line_no integer not null,
  entry integer not null,
  kind text collate "C" not null,
  reason text collate "C" not null,
  reason_text text collate "C" not null,
  bank_reference text collate "C" not null,
  constraint pk_outcome primary key (book_id, payment_id, attempt_no, step) with (fillfactor = 95),
  constraint ck_outcome_kind check ((step = 1 and kind in ('paid', 'failed')) or (step = 2 and kind = 'refunded'))
);
create trigger tr_outcome_append_only before update or delete or truncate on outcome
  for each statement execute function refuse_change();
alter table outcome enable always trigger tr_outcome_append_only;

-- 发放尝试. At most one live or paid attempt per payment, without an update: the key takes each
-- number once, and a trigger allows attempt n > 1 only after a failed or refunded outcome of
-- attempt n - 1. A cancellation takes the next number.
create table attempt (
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  batch_id integer not null,
  line_no integer not null,
  account_version integer not null,
  appropriation_id integer,
  entry integer not null,
  kind text collate "C" not null,
  constraint pk_attempt primary key (book_id, payment_id, attempt_no) with (fillfactor = 95),
  constraint uq_attempt_line unique (book_id, batch_id, line_no) with (fillfactor = 95),
  constraint ck_attempt_kind check (kind in ('pay', 'cancel')),
  constraint ck_attempt_number check (attempt_no >= 1)
);
create trigger tr_attempt_append_only before update or delete or truncate on attempt
  for each statement execute function refuse_change();
alter table attempt enable always trigger tr_attempt_append_only;

-- The appropriations of an attempt that straddles a boundary between them.
create table draw_part (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  part integer not null,
  appropriation_id integer not null,
  entry integer not null,
  constraint pk_draw_part primary key (book_id, payment_id, attempt_no, part) with (fillfactor = 100),
  constraint ck_draw_part_amount check (amount_fen > 0)
);
create trigger tr_draw_part_append_only before update or delete or truncate on draw_part
  for each statement execute function refuse_change();
alter table draw_part enable always trigger tr_draw_part_append_only;

-- 回盘: one imported answer of a bank.
create table return_file (
  paid_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  return_id integer not null,
  file_id integer not null,
  batch_id integer not null,
  lines integer not null,
  paid integer not null,
  failed integer not null,
  pending integer not null,
  repeated integer not null,
  exceptions integer not null,
  entry integer not null,
  profile text collate "C" not null,
  content_hash bytea not null,
  imported_on text collate "C" not null,
  constraint pk_return_file primary key (book_id, return_id) with (fillfactor = 100),
  constraint uq_return_file_content unique (book_id, batch_id, content_hash) with (fillfactor = 100)
);
create trigger tr_return_file_append_only before update or delete or truncate on return_file
  for each statement execute function refuse_change();
alter table return_file enable always trigger tr_return_file_append_only;

-- Lines that the bank is still working on: neither paid nor failed.
create table pending_answer (
  seal bigint not null,
  book_id integer not null,
  return_id integer not null,
  line_no integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  entry integer not null,
  reason_text text collate "C" not null,
  constraint pk_pending_answer primary key (book_id, return_id, line_no) with (fillfactor = 100)
);
create trigger tr_pending_answer_append_only before update or delete or truncate on pending_answer
  for each statement execute function refuse_change();
alter table pending_answer enable always trigger tr_pending_answer_append_only;

-- 对账单 of one account; opening + movements = closing.
create table statement (
  opening_fen bigint not null,
  closing_fen bigint not null,
  moved_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  statement_id integer not null,
  file_id integer not null,
  bank_account_id integer not null,
  lines integer not null,
  entry integer not null,
  from_date text collate "C" not null,
  to_date text collate "C" not null,
  content_hash bytea not null,
  constraint pk_statement primary key (book_id, statement_id) with (fillfactor = 100),
  constraint uq_statement_start unique (book_id, bank_account_id, from_date) with (fillfactor = 100),
  constraint uq_statement_content unique (book_id, bank_account_id, content_hash) with (fillfactor = 100),
  constraint ck_statement_adds_up check (opening_fen + moved_fen = closing_fen)
);
create trigger tr_statement_append_only before update or delete or truncate on statement
  for each statement execute function refuse_change();
alter table statement enable always trigger tr_statement_append_only;

-- One movement: positive to us, negative from us; what it was matched to.
create table statement_line (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  statement_id integer not null,
  line_no integer not null,
  match_id integer not null,
  attempt_no integer not null,
  entry integer not null,
  on_date text collate "C" not null,
  summary text collate "C" not null,
  remark text collate "C" not null,
  match_kind text collate "C" not null,
  constraint pk_statement_line primary key (book_id, statement_id, line_no) with (fillfactor = 100)
);
create trigger tr_statement_line_append_only before update or delete or truncate on statement_line
  for each statement execute function refuse_change();
alter table statement_line enable always trigger tr_statement_line_append_only;

-- The money of a failed or refunded attempt is home.
create table refund_receipt (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  statement_id integer not null,
  line_no integer not null,
  entry integer not null,
  constraint pk_refund_receipt primary key (book_id, payment_id, attempt_no) with (fillfactor = 100),
  constraint uq_refund_receipt_line unique (book_id, statement_id, line_no) with (fillfactor = 100)
);
create trigger tr_refund_receipt_append_only before update or delete or truncate on refund_receipt
  for each statement execute function refuse_change();
alter table refund_receipt enable always trigger tr_refund_receipt_append_only;

-- 差异: whatever does not match.
create table exception (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  exception_id integer not null,
  source_id integer not null,
  line_no integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  entry integer not null,
  kind text collate "C" not null,
  source text collate "C" not null,
  detail text collate "C" not null,
  constraint pk_exception primary key (book_id, exception_id) with (fillfactor = 100)
);
create trigger tr_exception_append_only before update or delete or truncate on exception
  for each statement execute function refuse_change();
alter table exception enable always trigger tr_exception_append_only;

-- Its way: opened, proposed by one person, settled by another.
create table exception_event (
  seal bigint not null,
  book_id integer not null,
  exception_id integer not null,
  n integer not null,
  user_id integer not null,
  entry integer not null,
  event text collate "C" not null,
  state text collate "C" not null,
  resolution text collate "C" not null,
  note text collate "C" not null,
  constraint pk_exception_event primary key (book_id, exception_id, n) with (fillfactor = 100)
);
create trigger tr_exception_event_append_only before update or delete or truncate on exception_event
  for each statement execute function refuse_change();
alter table exception_event enable always trigger tr_exception_event_append_only;

-- An account of the chart with its dimensions (辅助核算); 0 where a dimension does not apply.
create table account (
  seal bigint not null,
  book_id integer not null,
  account_id integer not null,
  bank_account_id integer not null,
  appropriation_id integer not null,
  program_id integer not null,
  component_id integer not null,
  entry integer not null,
  code text collate "C" not null,
  constraint pk_account primary key (book_id, account_id) with (fillfactor = 100),
  constraint uq_account_key unique (book_id, code, bank_account_id, appropriation_id, program_id, component_id) with (fillfactor = 100)
);
create trigger tr_account_append_only before update or delete or truncate on account
  for each statement execute function refuse_change();
alter table account enable always trigger tr_account_append_only;

-- The balance of an account and its guard: floor 1 keeps debit >= credit, -1 the reverse. Mutable;
-- `audit verify` recomputes it from the transfers.
create table account_total (
  debit_fen bigint not null,
  credit_fen bigint not null,
  book_id integer not null,
  account_id integer not null,
  floor integer not null,
  constraint pk_account_total primary key (book_id, account_id),
  constraint ck_account_total_floor check ((floor = 0) or (floor = 1 and debit_fen >= credit_fen) or (floor = -1 and credit_fen >= debit_fen))
);

-- Movements of an account in a month. Mutable; `audit verify` recomputes it.
create table account_month (
  debit_fen bigint not null,
  credit_fen bigint not null,
  book_id integer not null,
  account_id integer not null,
  month text collate "C" not null,
  constraint pk_account_month primary key (book_id, account_id, month)
);

-- 记账凭证: gap-free number per month. Its transfers are numbered from transfer_first on without
-- a gap; root is their Merkle root.
create table voucher (
  total_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  voucher_id integer not null,
  number integer not null,
  maker_id integer not null,
  checker_id integer not null,
  source_id integer not null,
  reverses_id integer,
  transfer_first integer not null,
  transfers integer not null,
  entry integer not null,
  month text collate "C" not null,
  on_date text collate "C" not null,
  summary text collate "C" not null,
  source text collate "C" not null,
  root bytea not null,
  constraint pk_voucher primary key (book_id, voucher_id) with (fillfactor = 100),
  constraint uq_voucher_number unique (book_id, month, number) with (fillfactor = 100),
  constraint uq_voucher_reverses unique (book_id, reverses_id) with (fillfactor = 100),
  constraint ck_voucher_date check (substr(on_date, 1, 7) = month)
);
create trigger tr_voucher_append_only before update or delete or truncate on voucher
  for each statement execute function refuse_change();
alter table voucher enable always trigger tr_voucher_append_only;

-- 分录: one movement from the credited to the debited account.
create table transfer (
  amount_fen bigint not null,
  seal bigint not null,
  book_id integer not null,
  transfer_id integer not null,
  voucher_id integer not null,
  debit_id integer not null,
  credit_id integer not null,
  payment_id integer,
  attempt_no integer,
  entry integer not null,
  constraint pk_transfer primary key (book_id, transfer_id) with (fillfactor = 100),
  constraint ck_transfer_amount check (amount_fen > 0),
  constraint ck_transfer_accounts check (debit_id <> credit_id)
);
create trigger tr_transfer_append_only before update or delete or truncate on transfer
  for each statement execute function refuse_change();
alter table transfer enable always trigger tr_transfer_append_only;

-- 结账: a closed month takes no more vouchers. digest is the hash of its vouchers and balances.
create table period_close (
  closed_at bigint not null,
  seal bigint not null,
  book_id integer not null,
  user_id integer not null,
  vouchers integer not null,
  entry integer not null,
  month text collate "C" not null,
  digest bytea not null,
  constraint pk_period_close primary key (book_id, month) with (fillfactor = 100)
);
create trigger tr_period_close_append_only before update or delete or truncate on period_close
  for each statement execute function refuse_change();
alter table period_close enable always trigger tr_period_close_append_only;

-- 发放成功率 by program, month of the payment's run, paying account of its first attempt, and
-- township: what of the first attempts and of the last attempts is answered, what of it paid, and
-- what is pending. Mutable; `audit verify` recomputes it.
create table success_cell (
  first_attempted_fen bigint not null,
  first_paid_fen bigint not null,
  final_attempted_fen bigint not null,
  final_paid_fen bigint not null,
  pending_fen bigint not null,
  book_id integer not null,
  program_id integer not null,
  bank_account_id integer not null,
  first_attempted integer not null,
  first_paid integer not null,
  final_attempted integer not null,
  final_paid integer not null,
  pending integer not null,
  month text collate "C" not null,
  township text collate "C" not null,
  constraint pk_success_cell primary key (book_id, program_id, month, bank_account_id, township)
);

-- Failed and refunded attempts by program, month of the payment's run and reason. Mutable; `audit
-- verify` recomputes it.
create table success_reason (
  amount_fen bigint not null,
  book_id integer not null,
  program_id integer not null,
  attempts integer not null,
  month text collate "C" not null,
  reason text collate "C" not null,
  constraint pk_success_reason primary key (book_id, program_id, month, reason)
);

create function refuse_attempt() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from outcome o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no - 1 and o.kind <> 'paid')
  then
    raise exception 'tr_attempt_prior' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_attempt_prior';
  end if;
  return new;
end $$;
create trigger tr_attempt_prior before insert on attempt
  for each row when (new.attempt_no > 1) execute function refuse_attempt();
alter table attempt enable always trigger tr_attempt_prior;

create function refuse_stray_outcome() returns trigger language plpgsql as $$
begin
  if exists (select 1 from added n where not exists (select 1 from attempt t
    where t.book_id = n.book_id and t.payment_id = n.payment_id
    and t.attempt_no = n.attempt_no))
  then
    raise exception 'tr_outcome_attempt' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_attempt';
  end if;
  return null;
end $$;
create trigger tr_outcome_attempt after insert on outcome referencing new table as added
  for each statement execute function refuse_stray_outcome();
alter table outcome enable always trigger tr_outcome_attempt;

create function refuse_outcome() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from outcome o where o.book_id = new.book_id
    and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no and o.step = 1
    and o.kind = 'paid')
  then
    raise exception 'tr_outcome_prior' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_prior';
  end if;
  return new;
end $$;
create trigger tr_outcome_prior before insert on outcome
  for each row when (new.step > 1) execute function refuse_outcome();
alter table outcome enable always trigger tr_outcome_prior;

create function refuse_closed_period() returns trigger language plpgsql as $$
begin
  if exists (select 1 from period_close p where p.book_id = new.book_id and p.month >= new.month)
  then
    raise exception 'tr_voucher_period' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_voucher_period';
  end if;
  return new;
end $$;
create trigger tr_voucher_period before insert on voucher
  for each row execute function refuse_closed_period();
alter table voucher enable always trigger tr_voucher_period;

create index ix_award_component on award (book_id, component_id);

create index ix_outcome_not_paid on outcome (book_id, kind, payment_id, attempt_no)
  where kind <> 'paid';

create index ix_voucher_source on voucher (book_id, source, source_id);

create index ix_statement_line_match on statement_line (book_id, match_kind, match_id);

alter table run_event add constraint fk_run_event_duty foreign key (book_id, run_id, user_id, held_duty)
    references run_duty (book_id, run_id, user_id, duty);
