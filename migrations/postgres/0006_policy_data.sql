-- Policy as data, the rest: payment days, eligibility by age and disability, help in kind counted in
-- pieces, members of households, working days, and rules that take two people.
-- Twin of sqlite/0006_policy_data.sql.

-- What a component says beyond its name: 计量单位 when it is help in kind, counted in pieces (its
-- standards are then amounts per piece), and its 经济科目. The newest version counts.
create table component_detail (
  seal bigint not null,
  book_id integer not null,
  component_id integer not null,
  version integer not null,
  entry integer not null,
  unit text collate "C" not null,
  economic_code text collate "C" not null,
  constraint pk_component_detail primary key (book_id, component_id, version) with (fillfactor = 100)
);
create trigger tr_component_detail_append_only before update or delete or truncate on component_detail
  for each statement execute function refuse_change();
alter table component_detail enable always trigger tr_component_detail_append_only;

-- 发放日: by which day of each month the money of a program is to be with the people, from a month
-- on; a month without that day ends earlier. A program without one pays by the 10th.
create table payment_day (
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  day integer not null,
  entry integer not null,
  from_month text collate "C" not null,
  document text collate "C" not null,
  constraint pk_payment_day primary key (book_id, program_id, from_month) with (fillfactor = 100),
  constraint ck_payment_day_day check (day between 1 and 31)
);
create trigger tr_payment_day_append_only before update or delete or truncate on payment_day
  for each statement execute function refuse_change();
alter table payment_day enable always trigger tr_payment_day_append_only;

-- 资格条件: whom a component is for, by age, sex and disability grade. The rules of a component from
-- the latest month that has begun hold together; each replaces none but that whole set. effect: tag
-- gives the tag of a standard to awards without one; require and expect say who may draw it.
create table eligibility_rule (
  seal bigint not null,
  book_id integer not null,
  component_id integer not null,
  rule_no integer not null,
  age_from integer,
  age_to integer,
  disability_from integer,
  disability_to integer,
  entry integer not null,
  from_month text collate "C" not null,
  effect text collate "C" not null,
  tag text collate "C" not null,
  age_on text collate "C" not null,
  sex text collate "C" not null,
  document text collate "C" not null,
  constraint pk_eligibility_rule primary key (book_id, component_id, from_month, rule_no) with (fillfactor = 100),
  constraint ck_eligibility_rule_effect check ((effect = 'tag' and tag <> '')
    or (effect in ('require', 'expect') and tag = '')),
  constraint ck_eligibility_rule_age check (age_on in ('first-day', 'last-day')
    and (age_from is null or age_from between 0 and 150)
    and (age_to is null or age_to between 0 and 150)),
  constraint ck_eligibility_rule_sex check (sex in ('', 'male', 'female')),
  constraint ck_eligibility_rule_disability check ((disability_from is null and disability_to is null)
    or (disability_from between 1 and 4 and disability_to between disability_from and 4))
);
create trigger tr_eligibility_rule_append_only before update or delete or truncate on eligibility_rule
  for each statement execute function refuse_change();
alter table eligibility_rule enable always trigger tr_eligibility_rule_append_only;

-- 残疾等级 of a person from a month on: 1 to 4, 0 for none. Of one month the newest version counts.
create table person_disability (
  seal bigint not null,
  book_id integer not null,
  party_id integer not null,
  version integer not null,
  grade integer not null,
  entry integer not null,
  from_month text collate "C" not null,
  constraint pk_person_disability primary key (book_id, party_id, version) with (fillfactor = 100),
  constraint ck_person_disability_grade check (grade between 0 and 4)
);
create trigger tr_person_disability_append_only before update or delete or truncate on person_disability
  for each statement execute function refuse_change();
alter table person_disability enable always trigger tr_person_disability_append_only;

-- How many pieces an award of help in kind is for, in thousandths.
create table award_quantity (
  quantity_milli bigint not null,
  seal bigint not null,
  book_id integer not null,
  award_id integer not null,
  entry integer not null,
  constraint pk_award_quantity primary key (book_id, award_id) with (fillfactor = 100),
  constraint ck_award_quantity_positive check (quantity_milli > 0)
);
create trigger tr_award_quantity_append_only before update or delete or truncate on award_quantity
  for each statement execute function refuse_change();
alter table award_quantity enable always trigger tr_award_quantity_append_only;

-- Who belongs to a household that is paid as a whole, from the month of the roster that said so. A
-- member of the newest month of a household counts.
create table household_member (
  seal bigint not null,
  book_id integer not null,
  household_id integer not null,
  person_id integer not null,
  entry integer not null,
  from_month text collate "C" not null,
  constraint pk_household_member primary key (book_id, household_id, from_month, person_id) with (fillfactor = 100)
);
create trigger tr_household_member_append_only before update or delete or truncate on household_member
  for each statement execute function refuse_change();
alter table household_member enable always trigger tr_household_member_append_only;

-- Whether the days of a version of a publication rule are calendar days or working days; a version
-- without a row means calendar days.
create table publication_unit (
  seal bigint not null,
  book_id integer not null,
  program_id integer not null,
  version integer not null,
  entry integer not null,
  unit text collate "C" not null,
  constraint pk_publication_unit primary key (book_id, program_id, version) with (fillfactor = 100),
  constraint ck_publication_unit_unit check (unit in ('calendar', 'working'))
);
create trigger tr_publication_unit_append_only before update or delete or truncate on publication_unit
  for each statement execute function refuse_change();
alter table publication_unit enable always trigger tr_publication_unit_append_only;

-- A change of a publication rule, an approval limit or an approver's level that one person proposes
-- and another confirms. content is what was asked, as JSON.
create table rule_proposal (
  seal bigint not null,
  book_id integer not null,
  proposal_id integer not null,
  user_id integer not null,
  entry integer not null,
  kind text collate "C" not null,
  content text collate "C" not null,
  constraint pk_rule_proposal primary key (book_id, proposal_id) with (fillfactor = 100),
  constraint ck_rule_proposal_kind check (kind in ('publication', 'limit', 'level'))
);
create trigger tr_rule_proposal_append_only before update or delete or truncate on rule_proposal
  for each statement execute function refuse_change();
alter table rule_proposal enable always trigger tr_rule_proposal_append_only;

-- What became of a proposal: once, and not by the person who proposed it. A proposer may withdraw.
create table rule_decision (
  seal bigint not null,
  book_id integer not null,
  proposal_id integer not null,
  user_id integer not null,
  entry integer not null,
  decision text collate "C" not null,
  note text collate "C" not null,
  constraint pk_rule_decision primary key (book_id, proposal_id) with (fillfactor = 100),
  constraint ck_rule_decision_decision check (decision in ('confirmed', 'rejected')),
  constraint fk_rule_decision_proposal foreign key (book_id, proposal_id)
    references rule_proposal (book_id, proposal_id)
);
create trigger tr_rule_decision_append_only before update or delete or truncate on rule_decision
  for each statement execute function refuse_change();
alter table rule_decision enable always trigger tr_rule_decision_append_only;

create function refuse_same_decider() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from rule_proposal p
    where p.book_id = new.book_id and p.proposal_id = new.proposal_id and p.user_id <> new.user_id)
  then
    raise exception 'tr_rule_decision_people' using
      errcode = 'integrity_constraint_violation', constraint = 'tr_rule_decision_people';
  end if;
  return new;
end $$;
create trigger tr_rule_decision_people before insert on rule_decision
  for each row when (new.decision = 'confirmed') execute function refuse_same_decider();
alter table rule_decision enable always trigger tr_rule_decision_people;
