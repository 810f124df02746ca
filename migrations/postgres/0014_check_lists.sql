-- Lists of village cadres with their relatives, and of people who qualify. Twin of
-- sqlite/0014_check_lists.sql.

alter table check_list drop constraint ck_check_list_kind;
alter table check_list add constraint ck_check_list_kind
  check (kind in ('deceased', 'employed', 'excluded', 'cadre', 'eligible'));
