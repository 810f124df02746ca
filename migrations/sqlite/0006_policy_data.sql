-- Policy as data, the rest: payment days, eligibility by age and disability, help in kind counted in
-- pieces, members of households, working days, and rules that take two people.
-- Twin of postgres/0006_policy_data.sql.

-- What a component says beyond its name: 计量单位 when it is help in kind, counted in pieces (its
-- standards are then amounts per piece), and its 经济科目. The newest version counts.
create table component_detail (
  book_id integer not null,
  component_id integer not null,
  version integer not null,
  unit text not null,
  economic_code text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_component_detail primary key (book_id, component_id, version)
) strict, without rowid;
create trigger tr_component_detail_update before update on component_detail
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_component_detail_delete before delete on component_detail
begin select raise(abort, 'tr_append_only'); end;

-- 发放日: by which day of each month the money of a program is to be with the people, from a month
-- on; a month without that day ends earlier. A program without one pays by the 10th.
create table payment_day (
  book_id integer not null,
  program_id integer not null,
  from_month text not null,
  day integer not null,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_payment_day primary key (book_id, program_id, from_month),
  constraint ck_payment_day_day check (day between 1 and 31)
) strict, without rowid;
create trigger tr_payment_day_update before update on payment_day
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_payment_day_delete before delete on payment_day
begin select raise(abort, 'tr_append_only'); end;

-- 资格条件: whom a component is for, by age, sex and disability grade. The rules of a component from
-- the latest month that has begun hold together; each replaces none but that whole set. effect: tag
-- gives the tag of a standard to awards without one; require and expect say who may draw it.
create table eligibility_rule (
  book_id integer not null,
  component_id integer not null,
  from_month text not null,
  rule_no integer not null,
  effect text not null,
  tag text not null,
  age_from integer,
  age_to integer,
  age_on text not null,
  sex text not null,
  disability_from integer,
  disability_to integer,
  document text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_eligibility_rule primary key (book_id, component_id, from_month, rule_no),
  constraint ck_eligibility_rule_effect check ((effect = 'tag' and tag <> '')
    or (effect in ('require', 'expect') and tag = '')),
  constraint ck_eligibility_rule_age check (age_on in ('first-day', 'last-day')
    and (age_from is null or age_from between 0 and 150)
    and (age_to is null or age_to between 0 and 150)),
  constraint ck_eligibility_rule_sex check (sex in ('', 'male', 'female')),
  constraint ck_eligibility_rule_disability check ((disability_from is null and disability_to is null)
    or (disability_from between 1 and 4 and disability_to between disability_from and 4))
) strict, without rowid;
create trigger tr_eligibility_rule_update before update on eligibility_rule
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_eligibility_rule_delete before delete on eligibility_rule
begin select raise(abort, 'tr_append_only'); end;

-- 残疾等级 of a person from a month on: 1 to 4, 0 for none. Of one month the newest version counts.
create table person_disability (
  book_id integer not null,
  party_id integer not null,
  version integer not null,
  from_month text not null,
  grade integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_person_disability primary key (book_id, party_id, version),
  constraint ck_person_disability_grade check (grade between 0 and 4)
) strict, without rowid;
create trigger tr_person_disability_update before update on person_disability
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_person_disability_delete before delete on person_disability
begin select raise(abort, 'tr_append_only'); end;

-- How many pieces an award of help in kind is for, in thousandths.
create table award_quantity (
  book_id integer not null,
  award_id integer not null,
  quantity_milli integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_award_quantity primary key (book_id, award_id),
  constraint ck_award_quantity_positive check (quantity_milli > 0)
) strict, without rowid;
create trigger tr_award_quantity_update before update on award_quantity
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_award_quantity_delete before delete on award_quantity
begin select raise(abort, 'tr_append_only'); end;

-- Who belongs to a household that is paid as a whole, from the month of the roster that said so. A
-- member of the newest month of a household counts.
create table household_member (
  book_id integer not null,
  household_id integer not null,
  from_month text not null,
  person_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_household_member primary key (book_id, household_id, from_month, person_id)
) strict, without rowid;
create trigger tr_household_member_update before update on household_member
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_household_member_delete before delete on household_member
begin select raise(abort, 'tr_append_only'); end;

-- Whether the days of a version of a publication rule are calendar days or working days; a version
-- without a row means calendar days.
create table publication_unit (
  book_id integer not null,
  program_id integer not null,
  version integer not null,
  unit text not null,
  entry integer not null,
  seal integer not null,
  constraint pk_publication_unit primary key (book_id, program_id, version),
  constraint ck_publication_unit_unit check (unit in ('calendar', 'working'))
) strict, without rowid;
create trigger tr_publication_unit_update before update on publication_unit
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_publication_unit_delete before delete on publication_unit
begin select raise(abort, 'tr_append_only'); end;

-- A change of a publication rule, an approval limit or an approver's level that one person proposes
-- and another confirms. content is what was asked, as JSON.
create table rule_proposal (
  book_id integer not null,
  proposal_id integer not null,
  kind text not null,
  content text not null,
  user_id integer not null,
  entry integer not null,
  seal integer not null,
  constraint pk_rule_proposal primary key (book_id, proposal_id),
  constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level'))
) strict, without rowid;
create trigger tr_rule_proposal_update before update on rule_proposal
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_rule_proposal_delete before delete on rule_proposal
begin select raise(abort, 'tr_append_only'); end;

-- What became of a proposal: once, and not by the person who proposed it. A proposer may withdraw.
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
create trigger tr_rule_decision_update before update on rule_decision
begin select raise(abort, 'tr_append_only'); end;
create trigger tr_rule_decision_delete before delete on rule_decision
begin select raise(abort, 'tr_append_only'); end;

create trigger tr_rule_decision_people before insert on rule_decision
when new.decision = 'confirmed' and not exists (select 1 from rule_proposal p
  where p.book_id = new.book_id and p.proposal_id = new.proposal_id and p.user_id <> new.user_id)
begin select raise(abort, 'tr_rule_decision_people'); end;
