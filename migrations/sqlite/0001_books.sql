-- The books, first form.
-- Twin of postgres/0001_books.sql: same tables, columns, keys and constraint names; a test compares them.
-- Types are integer, text and bytes. Money is fen, time is microseconds UTC, dates and months are
-- text. `entry` is the audit entry that a row belongs to, `seal` the first 8 bytes of its leaf
-- hash (ledger/docs/audit-format.md). Tables are append-only unless their comment says otherwise;
-- what can be derived from other rows is not stored, but for balances, success rates and counters.

-- 账套: one agency's set of books; the unit of isolation and of sharding.
create table book (
  book_id integer not null,
  code text not null,
  name text not null,
  region text not null,
  created_at integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_book primary key (book_id),
  constraint uq_book_code unique (code),
  constraint ck_book_code check (length(code) between 1 and 32)
) strict, without rowid;
create trigger tr_book_update before update on book
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_book_delete before delete on book
begin select raise(abort, 'tr_append_only'); end;

-- The head of a book's audit trail. Its row is locked first by every command, so one command at a
-- time writes to a book. Mutable; `audit verify` recomputes it.
create table book_head (
  book_id integer not null,
  size integer not null,
  root blob not null,
  frontier blob not null,
  previous blob not null,
  constraint pk_book_head primary key (book_id)
) strict, without rowid;

-- The next free number of each kind of id. Mutable; `audit verify` recomputes it.
create table counter (
  book_id integer not null,
  name text not null,
  next integer not null,
  constraint pk_counter primary key (book_id, name),
  constraint ck_counter_next check (next >= 1)
) strict, without rowid;

-- Equal refusals within a minute become one audit entry and a count here. Mutable.
create table refusal_tally (
  book_id integer not null,
  minute integer not null,
  fingerprint blob not null,
  refusals integer not null,
  constraint pk_refusal_tally primary key (book_id, minute, fingerprint)
) strict, without rowid;

-- The audit trail: canonical bytes and their leaf hash.
create table audit_entry (
  book_id integer not null,
  sequence integer not null,
  bytes blob not null,
  leaf blob not null,
  constraint pk_audit_entry primary key (book_id, sequence),
  constraint ck_audit_entry_leaf check (length(leaf) = 32)
) strict;
create trigger tr_audit_entry_update before update on audit_entry
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_audit_entry_delete before delete on audit_entry
begin select raise(abort, 'tr_append_only'); end;

-- The answers of commands by the caller's key: the same key never has a second effect.
create table command (
  book_id integer not null,
  command_key text not null,
  kind text not null,
  request text not null,
  answer text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_command primary key (book_id, command_key)
) strict, without rowid;
create trigger tr_command_update before update on command
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_command_delete before delete on command
begin select raise(abort, 'tr_append_only'); end;

-- A user; each change is a new version.
create table app_user (
  book_id integer not null,
  user_id integer not null,
  version integer not null,
  login text not null,
  name text not null,
  roles text not null,
  status text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_app_user primary key (book_id, user_id, version),
  constraint uq_app_user_login unique (book_id, login, version),
  constraint ck_app_user_status check (status in ('active', 'disabled'))
) strict, without rowid;
create trigger tr_app_user_update before update on app_user
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_app_user_delete before delete on app_user
begin select raise(abort, 'tr_append_only'); end;

-- Password hashes (argon2id, PHC text); the newest version counts.
create table credential (
  book_id integer not null,
  user_id integer not null,
  version integer not null,
  hash text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_credential primary key (book_id, user_id, version)
) strict, without rowid;
create trigger tr_credential_update before update on credential
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_credential_delete before delete on credential
begin select raise(abort, 'tr_append_only'); end;

-- The agency's accounts. debit_style: does the bank take the whole batch and send failures back,
-- or only what succeeded.
create table bank_account (
  book_id integer not null,
  bank_account_id integer not null,
  code text not null,
  bank_name text not null,
  bank_no text not null,
  account_no text not null,
  account_name text not null,
  debit_style text not null,
  batch_profile text not null,
  return_profile text not null,
  statement_profile text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_bank_account primary key (book_id, bank_account_id),
  constraint uq_bank_account_code unique (book_id, code),
  constraint ck_bank_account_debit check (debit_style in ('whole', 'succeeded'))
) strict, without rowid;
create trigger tr_bank_account_update before update on bank_account
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_bank_account_delete before delete on bank_account
begin select raise(abort, 'tr_append_only'); end;

-- 救助项目.
create table program (
  book_id integer not null,
  program_id integer not null,
  code text not null,
  name text not null,
  function_code text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_program primary key (book_id, program_id),
  constraint uq_program_code unique (book_id, code)
) strict, without rowid;
create trigger tr_program_update before update on program
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_program_delete before delete on program
begin select raise(abort, 'tr_append_only'); end;

-- 发放项目: the fund category. cadence: months of the year in which it falls due, or once.
create table component (
  book_id integer not null,
  component_id integer not null,
  program_id integer not null,
  code text not null,
  name text not null,
  scope text not null,
  cadence text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_component primary key (book_id, component_id),
  constraint uq_component_code unique (book_id, program_id, code),
  constraint ck_component_scope check (scope in ('person', 'household'))
) strict, without rowid;
create trigger tr_component_update before update on component
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_component_delete before delete on component
begin select raise(abort, 'tr_append_only'); end;

-- 保障标准: dated, with the number of its document.
create table standard (
  book_id integer not null,
  standard_id integer not null,
  component_id integer not null,
  tag text not null,
  from_month text not null,
  formula text not null,
  amount_fen integer,
  rate text,
  reference text,
  rounding text,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_standard primary key (book_id, standard_id),
  constraint uq_standard_date unique (book_id, component_id, tag, from_month),
  constraint ck_standard_formula check (formula in ('amount', 'amount-minus-income', 'rate', 'individual'))
) strict, without rowid;
create trigger tr_standard_update before update on standard
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_standard_delete before delete on standard
begin select raise(abort, 'tr_append_only'); end;

-- Amounts that formulas refer to: minimum wage, another program's standard.
create table reference_amount (
  book_id integer not null,
  code text not null,
  from_month text not null,
  amount_fen integer not null,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_reference_amount primary key (book_id, code, from_month)
) strict, without rowid;
create trigger tr_reference_amount_update before update on reference_amount
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_reference_amount_delete before delete on reference_amount
begin select raise(abort, 'tr_append_only'); end;

-- 指标: money granted by a quota letter, for one program.
create table appropriation (
  book_id integer not null,
  appropriation_id integer not null,
  document text not null,
  level text not null,
  budget_year integer not null,
  function_code text not null,
  program_id integer not null,
  bank_account_id integer not null,
  amount_fen integer not null,
  received_on text not null,
  priority integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_appropriation primary key (book_id, appropriation_id),
  constraint uq_appropriation_document unique (book_id, document, program_id),
  constraint ck_appropriation_amount check (amount_fen > 0),
  constraint ck_appropriation_level check (level in ('central', 'province', 'city', 'county', 'donation'))
) strict, without rowid;
create trigger tr_appropriation_update before update on appropriation
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_appropriation_delete before delete on appropriation
begin select raise(abort, 'tr_append_only'); end;

-- How a program is paid: from which account, in the order of its appropriations or by the shares
-- of each level. The newest version counts.
create table funding_rule (
  book_id integer not null,
  program_id integer not null,
  version integer not null,
  bank_account_id integer not null,
  mode text not null,
  shares text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_funding_rule primary key (book_id, program_id, version),
  constraint ck_funding_rule_mode check (mode in ('in-order', 'by-shares'))
) strict, without rowid;
create trigger tr_funding_rule_update before update on funding_rule
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_funding_rule_delete before delete on funding_rule
begin select raise(abort, 'tr_append_only'); end;

-- 乡镇、村(社区): where parties live; in a row of its own so that the names stand once.
create table area (
  book_id integer not null,
  area_id integer not null,
  township text not null,
  village text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_area primary key (book_id, area_id),
  constraint uq_area_name unique (book_id, township, village)
) strict, without rowid;
create trigger tr_area_update before update on area
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_area_delete before delete on area
begin select raise(abort, 'tr_append_only'); end;

-- Households, persons and institutions in one number space. reference_no is the file number, the
-- identity number or the credit code. Name and number are sealed by salted commitments.
create table party (
  book_id integer not null,
  party_id integer not null,
  kind text not null,
  area_id integer not null,
  name text not null,
  reference_no text not null,
  salt blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_party primary key (book_id, party_id),
  constraint uq_party_reference unique (book_id, kind, reference_no),
  constraint ck_party_kind check (kind in ('household', 'person', 'institution'))
) strict, without rowid;
create trigger tr_party_update before update on party
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_party_delete before delete on party
begin select raise(abort, 'tr_append_only'); end;

-- 开户行 with its 联行号: in a row of its own so that the names stand once.
create table branch (
  book_id integer not null,
  branch_id integer not null,
  name text not null,
  bank_no text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_branch primary key (book_id, branch_id),
  constraint uq_branch_name unique (book_id, name, bank_no)
) strict, without rowid;
create trigger tr_branch_update before update on branch
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_branch_delete before delete on branch
begin select raise(abort, 'tr_append_only'); end;

-- The account of a payee; a change is a new version.
create table payee_account (
  book_id integer not null,
  payee_id integer not null,
  version integer not null,
  holder_name text not null,
  branch_id integer not null,
  account_no text not null,
  salt blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_payee_account primary key (book_id, payee_id, version)
) strict, without rowid;
create trigger tr_payee_account_update before update on payee_account
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_payee_account_delete before delete on payee_account
begin select raise(abort, 'tr_append_only'); end;

-- 核定: what a subject was approved for, from a month on. amount_fen is an individually approved
-- amount and then `basis` says why.
create table award (
  book_id integer not null,
  award_id integer not null,
  subject_id integer not null,
  household_id integer not null,
  payee_id integer not null,
  component_id integer not null,
  tag text not null,
  income_fen integer not null,
  amount_fen integer,
  basis text not null,
  from_month text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_award primary key (book_id, award_id),
  constraint ck_award_income check (income_fen >= 0),
  constraint ck_award_amount check (amount_fen >= 0)
) strict, without rowid;
create trigger tr_award_update before update on award
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_award_delete before delete on award
begin select raise(abort, 'tr_append_only'); end;

-- The last month of an award; before its first month when it was withdrawn unused.
create table award_end (
  book_id integer not null,
  award_id integer not null,
  to_month text not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_award_end primary key (book_id, award_id)
) strict, without rowid;
create trigger tr_award_end_update before update on award_end
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_award_end_delete before delete on award_end
begin select raise(abort, 'tr_append_only'); end;

-- 发放批次.
create table run (
  book_id integer not null,
  run_id integer not null,
  program_id integer not null,
  kind text not null,
  month text not null,
  first_month text not null,
  last_month text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_run primary key (book_id, run_id),
  constraint ck_run_kind check (kind in ('regular', 'back-pay', 're-pay'))
) strict, without rowid;
create trigger tr_run_update before update on run
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_run_delete before delete on run
begin select raise(abort, 'tr_append_only'); end;

-- One person, one step: a person holds one of the four duties in a run (maker, reviewer, approver,
-- cashier), whatever happens to their roles.
create table run_duty (
  book_id integer not null,
  run_id integer not null,
  user_id integer not null,
  duty text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_run_duty primary key (book_id, run_id, user_id),
  constraint uq_run_duty unique (book_id, run_id, user_id, duty)
) strict, without rowid;
create trigger tr_run_duty_update before update on run_duty
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_run_duty_delete before delete on run_duty
begin select raise(abort, 'tr_append_only'); end;

-- The way of a run. The newest event gives its state; n makes two equal steps impossible.
-- held_duty is the duty where it is one of the four, and refers to run_duty.
create table run_event (
  book_id integer not null,
  run_id integer not null,
  n integer not null,
  event text not null,
  state text not null,
  revision integer not null,
  user_id integer not null,
  duty text not null,
  held_duty text,
  happened_at integer not null,
  reason text not null,
  payment_first integer not null,
  payment_last integer not null,
  payments integer not null,
  total_fen integer not null,
  carried_fen integer not null,
  fingerprint blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_run_event primary key (book_id, run_id, n),
  constraint fk_run_event_duty foreign key (book_id, run_id, user_id, held_duty)
    references run_duty (book_id, run_id, user_id, duty)
) strict, without rowid;
create trigger tr_run_event_update before update on run_event
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_run_event_delete before delete on run_event
begin select raise(abort, 'tr_append_only'); end;

-- 发放明细: one amount owed to one payee in one run. Numbers of one calculation are consecutive.
-- area_id is where the household lived when the run was calculated.
create table payment (
  book_id integer not null,
  payment_id integer not null,
  run_id integer not null,
  revision integer not null,
  payee_id integer not null,
  household_id integer not null,
  area_id integer not null,
  lines integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_payment primary key (book_id, payment_id),
  constraint ck_payment_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_payment_update before update on payment
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_payment_delete before delete on payment
begin select raise(abort, 'tr_append_only'); end;

-- What a re-pay run tries again: the payments of earlier runs whose last attempt failed or came
-- back. Its attempt number is the one it will make.
create table re_pay (
  book_id integer not null,
  run_id integer not null,
  revision integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  prior_kind text not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_re_pay primary key (book_id, run_id, revision, payment_id),
  constraint ck_re_pay_prior check (attempt_no > 1 and prior_kind in ('failed', 'refunded'))
) strict, without rowid;
create trigger tr_re_pay_update before update on re_pay
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_re_pay_delete before delete on re_pay
begin select raise(abort, 'tr_append_only'); end;

-- A payment's parts by person, component and month. n counts the lines of one subject, component
-- and month, so that two runs can not accrue the same thing side by side.
create table payment_line (
  book_id integer not null,
  payment_id integer not null,
  line_no integer not null,
  subject_id integer not null,
  award_id integer not null,
  component_id integer not null,
  month text not null,
  n integer not null,
  amount_fen integer not null,
  reason text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_payment_line primary key (book_id, payment_id, line_no),
  constraint uq_payment_line_accrual unique (book_id, month, component_id, subject_id, n)
) strict, without rowid;
create trigger tr_payment_line_update before update on payment_line
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_payment_line_delete before delete on payment_line
begin select raise(abort, 'tr_append_only'); end;

-- Files in and out, byte for byte. `content` is packed (Zstandard) and sealed through the sha256
-- and the size of what is in it.
create table stored_file (
  book_id integer not null,
  file_id integer not null,
  kind text not null,
  name text not null,
  sha256 blob not null,
  size integer not null,
  entry integer not null,
  seal integer not null,
  content blob not null,
  constraint pk_stored_file primary key (book_id, file_id)
) strict;
create trigger tr_stored_file_update before update on stored_file
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_stored_file_delete before delete on stored_file
begin select raise(abort, 'tr_append_only'); end;

-- 代发批: one bank file with its control totals.
create table batch (
  book_id integer not null,
  batch_id integer not null,
  batch_no text not null,
  run_id integer not null,
  bank_account_id integer not null,
  profile text not null,
  file_id integer not null,
  file_name text not null,
  sent_on text not null,
  payments integer not null,
  total_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_batch primary key (book_id, batch_id),
  constraint uq_batch_number unique (book_id, batch_no),
  constraint uq_batch_file_name unique (book_id, file_name)
) strict, without rowid;
create trigger tr_batch_update before update on batch
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_batch_delete before delete on batch
begin select raise(abort, 'tr_append_only'); end;

-- What became of an attempt, appended: step 1 is paid or failed, step 2 a refund after success,
-- which a trigger allows only after paid. source_id is the return of step 1, the statement of step 2. Another one refuses outcomes of attempts that are not
-- there: it looks at all rows of a statement together, which costs a quarter of a foreign key.
create table outcome (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  step integer not null,
  kind text not null,
  source_id integer not null,
  line_no integer not null,
  reason text not null,
  reason_text text not null,
  bank_reference text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_outcome primary key (book_id, payment_id, attempt_no, step),
  constraint ck_outcome_kind check ((step = 1 and kind in ('paid', 'failed')) or (step = 2 and kind = 'refunded'))
) strict, without rowid;
create trigger tr_outcome_update before update on outcome
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_outcome_delete before delete on outcome
begin select raise(abort, 'tr_append_only'); end;

-- 发放尝试. At most one live or paid attempt per payment, without an update: the key takes each
-- number once, and a trigger allows attempt n > 1 only after a failed or refunded outcome of
-- attempt n - 1. A cancellation takes the next number.
create table attempt (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  kind text not null,
  batch_id integer not null,
  line_no integer not null,
  account_version integer not null,
  appropriation_id integer,
  entry integer not null,
  seal integer not null,
  constraint pk_attempt primary key (book_id, payment_id, attempt_no),
  constraint uq_attempt_line unique (book_id, batch_id, line_no),
  constraint ck_attempt_kind check (kind in ('pay', 'cancel')),
  constraint ck_attempt_number check (attempt_no >= 1)
) strict, without rowid;
create trigger tr_attempt_update before update on attempt
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_attempt_delete before delete on attempt
begin select raise(abort, 'tr_append_only'); end;

-- The appropriations of an attempt that straddles a boundary between them.
create table draw_part (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  part integer not null,
  appropriation_id integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_draw_part primary key (book_id, payment_id, attempt_no, part),
  constraint ck_draw_part_amount check (amount_fen > 0)
) strict, without rowid;
create trigger tr_draw_part_update before update on draw_part
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_draw_part_delete before delete on draw_part
begin select raise(abort, 'tr_append_only'); end;

-- 回盘: one imported answer of a bank.
create table return_file (
  book_id integer not null,
  return_id integer not null,
  file_id integer not null,
  batch_id integer not null,
  profile text not null,
  content_hash blob not null,
  lines integer not null,
  paid integer not null,
  failed integer not null,
  pending integer not null,
  repeated integer not null,
  exceptions integer not null,
  paid_fen integer not null,
  imported_on text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_return_file primary key (book_id, return_id),
  constraint uq_return_file_content unique (book_id, batch_id, content_hash)
) strict, without rowid;
create trigger tr_return_file_update before update on return_file
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_return_file_delete before delete on return_file
begin select raise(abort, 'tr_append_only'); end;

-- Lines that the bank is still working on: neither paid nor failed.
create table pending_answer (
  book_id integer not null,
  return_id integer not null,
  line_no integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  reason_text text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_pending_answer primary key (book_id, return_id, line_no)
) strict, without rowid;
create trigger tr_pending_answer_update before update on pending_answer
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_pending_answer_delete before delete on pending_answer
begin select raise(abort, 'tr_append_only'); end;

-- 对账单 of one account; opening + movements = closing.
create table statement (
  book_id integer not null,
  statement_id integer not null,
  file_id integer not null,
  bank_account_id integer not null,
  from_date text not null,
  to_date text not null,
  opening_fen integer not null,
  closing_fen integer not null,
  moved_fen integer not null,
  lines integer not null,
  content_hash blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_statement primary key (book_id, statement_id),
  constraint uq_statement_start unique (book_id, bank_account_id, from_date),
  constraint uq_statement_content unique (book_id, bank_account_id, content_hash),
  constraint ck_statement_adds_up check (opening_fen + moved_fen = closing_fen)
) strict, without rowid;
create trigger tr_statement_update before update on statement
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_statement_delete before delete on statement
begin select raise(abort, 'tr_append_only'); end;

-- One movement: positive to us, negative from us; what it was matched to.
create table statement_line (
  book_id integer not null,
  statement_id integer not null,
  line_no integer not null,
  on_date text not null,
  amount_fen integer not null,
  summary text not null,
  remark text not null,
  match_kind text not null,
  match_id integer not null,
  attempt_no integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_statement_line primary key (book_id, statement_id, line_no)
) strict, without rowid;
create trigger tr_statement_line_update before update on statement_line
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_statement_line_delete before delete on statement_line
begin select raise(abort, 'tr_append_only'); end;

-- The money of a failed or refunded attempt is home.
create table refund_receipt (
  book_id integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  statement_id integer not null,
  line_no integer not null,
  amount_fen integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_refund_receipt primary key (book_id, payment_id, attempt_no),
  constraint uq_refund_receipt_line unique (book_id, statement_id, line_no)
) strict, without rowid;
create trigger tr_refund_receipt_update before update on refund_receipt
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_refund_receipt_delete before delete on refund_receipt
begin select raise(abort, 'tr_append_only'); end;

-- 差异: whatever does not match.
create table exception (
  book_id integer not null,
  exception_id integer not null,
  kind text not null,
  source text not null,
  source_id integer not null,
  line_no integer not null,
  payment_id integer not null,
  attempt_no integer not null,
  amount_fen integer not null,
  detail text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_exception primary key (book_id, exception_id)
) strict, without rowid;
create trigger tr_exception_update before update on exception
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_exception_delete before delete on exception
begin select raise(abort, 'tr_append_only'); end;

-- Its way: opened, proposed by one person, settled by another.
create table exception_event (
  book_id integer not null,
  exception_id integer not null,
  n integer not null,
  event text not null,
  state text not null,
  user_id integer not null,
  resolution text not null,
  note text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_exception_event primary key (book_id, exception_id, n)
) strict, without rowid;
create trigger tr_exception_event_update before update on exception_event
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_exception_event_delete before delete on exception_event
begin select raise(abort, 'tr_append_only'); end;

-- An account of the chart with its dimensions (辅助核算); 0 where a dimension does not apply.
create table account (
  book_id integer not null,
  account_id integer not null,
  code text not null,
  bank_account_id integer not null,
  appropriation_id integer not null,
  program_id integer not null,
  component_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_account primary key (book_id, account_id),
  constraint uq_account_key unique (book_id, code, bank_account_id, appropriation_id, program_id, component_id)
) strict, without rowid;
create trigger tr_account_update before update on account
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_account_delete before delete on account
begin select raise(abort, 'tr_append_only'); end;

-- The balance of an account and its guard: floor 1 keeps debit >= credit, -1 the reverse. Mutable;
-- `audit verify` recomputes it from the transfers.
create table account_total (
  book_id integer not null,
  account_id integer not null,
  floor integer not null,
  debit_fen integer not null,
  credit_fen integer not null,
  constraint pk_account_total primary key (book_id, account_id),
  constraint ck_account_total_floor check ((floor = 0) or (floor = 1 and debit_fen >= credit_fen) or (floor = -1 and credit_fen >= debit_fen))
) strict, without rowid;

-- Movements of an account in a month. Mutable; `audit verify` recomputes it.
create table account_month (
  book_id integer not null,
  account_id integer not null,
  month text not null,
  debit_fen integer not null,
  credit_fen integer not null,
  constraint pk_account_month primary key (book_id, account_id, month)
) strict, without rowid;

-- 记账凭证: gap-free number per month. Its transfers are numbered from transfer_first on without
-- a gap; root is their Merkle root.
create table voucher (
  book_id integer not null,
  voucher_id integer not null,
  month text not null,
  number integer not null,
  on_date text not null,
  summary text not null,
  maker_id integer not null,
  checker_id integer not null,
  source text not null,
  source_id integer not null,
  reverses_id integer,
  transfer_first integer not null,
  transfers integer not null,
  total_fen integer not null,
  root blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_voucher primary key (book_id, voucher_id),
  constraint uq_voucher_number unique (book_id, month, number),
  constraint uq_voucher_reverses unique (book_id, reverses_id),
  constraint ck_voucher_date check (substr(on_date, 1, 7) = month)
) strict, without rowid;
create trigger tr_voucher_update before update on voucher
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_voucher_delete before delete on voucher
begin select raise(abort, 'tr_append_only'); end;

-- 分录: one movement from the credited to the debited account.
create table transfer (
  book_id integer not null,
  transfer_id integer not null,
  voucher_id integer not null,
  debit_id integer not null,
  credit_id integer not null,
  amount_fen integer not null,
  payment_id integer,
  attempt_no integer,
  entry integer not null,
  seal integer not null,
  constraint pk_transfer primary key (book_id, transfer_id),
  constraint ck_transfer_amount check (amount_fen > 0),
  constraint ck_transfer_accounts check (debit_id <> credit_id)
) strict, without rowid;
create trigger tr_transfer_update before update on transfer
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_transfer_delete before delete on transfer
begin select raise(abort, 'tr_append_only'); end;

-- 结账: a closed month takes no more vouchers. digest is the hash of its vouchers and balances.
create table period_close (
  book_id integer not null,
  month text not null,
  user_id integer not null,
  closed_at integer not null,
  vouchers integer not null,
  digest blob not null,
  entry integer not null,
  seal integer not null,
  constraint pk_period_close primary key (book_id, month)
) strict, without rowid;
create trigger tr_period_close_update before update on period_close
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_period_close_delete before delete on period_close
begin select raise(abort, 'tr_append_only'); end;

-- 发放成功率 by program, month of the payment's run, paying account of its first attempt, and
-- township: what of the first attempts and of the last attempts is answered, what of it paid, and
-- what is pending. Mutable; `audit verify` recomputes it.
create table success_cell (
  book_id integer not null,
  program_id integer not null,
  month text not null,
  bank_account_id integer not null,
  township text not null,
  first_attempted integer not null,
  first_paid integer not null,
  final_attempted integer not null,
  final_paid integer not null,
  pending integer not null,
  first_attempted_fen integer not null,
  first_paid_fen integer not null,
  final_attempted_fen integer not null,
  final_paid_fen integer not null,
  pending_fen integer not null,
  constraint pk_success_cell primary key (book_id, program_id, month, bank_account_id, township)
) strict, without rowid;

-- Failed and refunded attempts by program, month of the payment's run and reason. Mutable; `audit
-- verify` recomputes it.
create table success_reason (
  book_id integer not null,
  program_id integer not null,
  month text not null,
  reason text not null,
  attempts integer not null,
  amount_fen integer not null,
  constraint pk_success_reason primary key (book_id, program_id, month, reason)
) strict, without rowid;

create trigger tr_voucher_period before insert on voucher
when exists (select 1 from period_close p where p.book_id = new.book_id and p.month >= new.month)
begin select raise(abort, 'tr_voucher_period'); end;

create trigger tr_attempt_prior before insert on attempt
when new.attempt_no > 1 and not exists (select 1 from outcome o where o.book_id = new.book_id
  and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no - 1 and o.kind <> 'paid')
begin select raise(abort, 'tr_attempt_prior'); end;

create trigger tr_outcome_attempt before insert on outcome
when not exists (select 1 from attempt t where t.book_id = new.book_id
  and t.payment_id = new.payment_id and t.attempt_no = new.attempt_no)
begin select raise(abort, 'tr_outcome_attempt'); end;

create trigger tr_outcome_prior before insert on outcome
when new.step > 1 and not exists (select 1 from outcome o where o.book_id = new.book_id
  and o.payment_id = new.payment_id and o.attempt_no = new.attempt_no and o.step = 1
  and o.kind = 'paid')
begin select raise(abort, 'tr_outcome_prior'); end;

create index ix_award_component on award (book_id, component_id);

create index ix_outcome_not_paid on outcome (book_id, kind, payment_id, attempt_no)
  where kind <> 'paid';

create index ix_voucher_source on voucher (book_id, source, source_id);

create index ix_statement_line_match on statement_line (book_id, match_kind, match_id);
