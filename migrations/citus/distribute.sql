-- 按账套把已有的库分布到 Citus 上。 Spreads an existing, filled database over Citus, by book.
--
--   psql "$DATABASE" --no-psqlrc --set ON_ERROR_STOP=1 --file migrations/citus/distribute.sql
--
-- Before: stop huimin, take a backup, migrate the database, and run as the owner of the tables, on
-- the coordinator, with the workers added and the owner's role on each of them. On every node:
-- `alter system set citus.enable_unsafe_triggers = on`. All is one transaction: it is done or not.
-- After a later migration: run it again; it distributes the new tables and leaves the others alone.
-- A run that finds nothing to do changes nothing.
--
-- Tables, keys, foreign keys and triggers are read from the catalogue, so a migration cannot make
-- this file stale, except for the two lists in `declare`.
--
-- What was tried: the order of the steps, in an earlier trial with Citus 13.2.2 on PostgreSQL 15 (a
-- coordinator, two workers, 32 shards). This file itself has been run against stand-ins for the
-- functions of Citus only (tests/tests/scale.rs): try it on a copy first. Not tried with Citus:
-- `book` as a reference table, and the second form of refuse_stray_outcome.
--
-- Why `book` is a reference table and not distributed: Citus keeps a unique constraint on a
-- distributed table only when it holds book_id, and a book's code must be unique over all books
-- (uq_book_code). The table is small (a row for each agency), never changed, and read on every
-- node. No foreign key points at it. schema_migration has no book at all, is small, and tells any
-- node the version. All other tables stand next to the first of them (book_head), so that a
-- book's rows are on one node.

begin;
-- Citus passes triggers on to shards only when told. They look at rows of their own book only.
set local citus.enable_unsafe_triggers = on;

do $distribute$
declare
  -- Small, rarely changed, and without a book in their keys: a copy on each node.
  global_tables constant text[] := array['schema_migration', 'book'];
  -- Triggers that read the rows of a whole statement; see the second form below.
  set_functions constant text[] := array['refuse_stray_outcome'];
  -- PostgreSQL cuts names at 63 characters, and Citus appends a shard number.
  name_length_max constant integer := 50;
  home constant regnamespace := quote_ident(current_schema())::regnamespace;
  todo oid[];
  broken text;
  anchor oid;
  item record;
  foreign_tables oid[];
  foreign_names name[];
  foreign_rules text[];
begin
  if to_regclass('pg_dist_partition') is null then
    raise exception '此库没有安装 Citus。 Citus is not installed in this database.';
  end if;

  -- In the order in which the migrations made them. Partitions follow their parent. Citus may know a
  -- table that it keeps on the coordinator only: neither distributed (h) nor on each node (t).
  select array_agg(c.oid order by c.oid) into todo from pg_class c
  where c.relnamespace = home and c.relkind in ('r', 'p') and not c.relispartition
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
      and d.objid = c.oid and d.deptype = 'e')
    and not exists (select from pg_dist_partition p where p.logicalrelid = c.oid
      and (p.partmethod = 'h' or p.repmodel = 't'));
  if todo is null then
    raise notice '没有要分布的表,什么也没有改。 No table is left to distribute: nothing changed.';
    return;
  end if;

  -- What does not fit is named all at once, before anything is touched.
  select string_agg(rule, E'\n' order by rule) into broken from (
    select format('表 %s 没有以 book_id 开头的主键。 Table %1$s has no primary key that begins with '
      'book_id.', c.oid::regclass) as rule
    from pg_class c where c.oid = any (todo) and c.relname <> all (global_tables)
      and not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid
        and a.attnum = i.indkey[0] where i.indrelid = c.oid and i.indisprimary
        and a.attname = 'book_id')
    union all
    select format('表 %s 的唯一约束 %s 不以 book_id 开头。 The unique constraint %2$s of table %1$s does '
      'not begin with book_id.', c.oid::regclass, k.relname)
    from pg_class c join pg_index i on i.indrelid = c.oid join pg_class k on k.oid = i.indexrelid
    where c.oid = any (todo) and c.relname <> all (global_tables) and not i.indisprimary
      and (i.indisunique or i.indisexclusion)
      and not exists (select from pg_attribute a where a.attrelid = c.oid
        and a.attnum = i.indkey[0] and a.attname = 'book_id')
    union all
    select format('表 %s 的外键 %s 不是两边都以 book_id 开头,或会改动 book_id。 The foreign key %2$s of '
      'table %1$s does not begin with book_id on both sides, or would change it.',
      c.oid::regclass, k.conname)
    from pg_constraint k join pg_class c on c.oid = k.conrelid
      join pg_class r on r.oid = k.confrelid
    where k.contype = 'f' and (k.conrelid = any (todo) or k.confrelid = any (todo))
      and (k.confupdtype not in ('a', 'r') or k.confdeltype not in ('a', 'r', 'c')
        or c.relname = any (global_tables) and r.relname <> all (global_tables)
        or c.relname <> all (global_tables) and r.relname <> all (global_tables)
          and not exists (select from pg_attribute a join pg_attribute b
            on b.attrelid = k.confrelid and b.attnum = k.confkey[1] and b.attname = 'book_id'
            where a.attrelid = k.conrelid and a.attnum = k.conkey[1] and a.attname = 'book_id'))
    union all
    select format('名称 %s 超过 %s 个字符。 The name %1$s is longer than %2$s characters.',
      n.name, name_length_max)
    from (select c.relname as name from pg_class c where c.oid = any (todo)
      union select k.relname from pg_index i join pg_class k on k.oid = i.indexrelid
        where i.indrelid = any (todo)
      union select k.conname from pg_constraint k where k.conrelid = any (todo)
      union select t.tgname from pg_trigger t where t.tgrelid = any (todo)
        and not t.tgisinternal) n
    where length(n.name) > name_length_max
    union all
    select format('表 %s 的触发器 %s 一次读整条语句的行,须先在本脚本中给出分布式写法。 Trigger %2$s of table '
      '%1$s reads the rows of a whole statement: this script needs a second form of it first.',
      t.tgrelid::regclass, t.tgname)
    from pg_trigger t join pg_proc f on f.oid = t.tgfoid where t.tgrelid = any (todo)
      and (t.tgnewtable is not null or t.tgoldtable is not null)
      and f.proname <> all (set_functions)
  ) rules;
  if broken is not null then
    raise exception E'此库不能按账套分布,什么也没有改。 This database cannot be distributed by book; '
      'nothing was changed:\n%', broken;
  end if;

  -- The same rule in a form for shards: the rows that fired a trigger are known on their node alone
  -- and cannot be joined with a distributed table, so they are fetched first, book by book.
  execute $function$
    create or replace function refuse_stray_outcome() returns trigger language plpgsql as $$
    declare
      book integer;
      payments integer[];
      attempts integer[];
    begin
      for book, payments, attempts in
        select n.book_id, array_agg(n.payment_id), array_agg(n.attempt_no) from added n
        group by n.book_id
      loop
        if exists (select 1 from unnest(payments, attempts) n (payment_id, attempt_no)
          where not exists (select 1 from attempt t where t.book_id = book
          and t.payment_id = n.payment_id and t.attempt_no = n.attempt_no))
        then
          raise exception 'tr_outcome_attempt' using
            errcode = 'integrity_constraint_violation', constraint = 'tr_outcome_attempt';
        end if;
      end loop;
      return null;
    end $$
  $function$;

  -- Foreign keys go first and come back last: between the two, one of their tables is distributed
  -- and the other is not.
  select array_agg(k.conrelid order by k.oid), array_agg(k.conname order by k.oid),
    array_agg(pg_get_constraintdef(k.oid) order by k.oid)
  into foreign_tables, foreign_names, foreign_rules
  from pg_constraint k where k.contype = 'f' and k.conparentid = 0
    and (k.conrelid = any (todo) or k.confrelid = any (todo));
  for n in 1 .. coalesce(cardinality(foreign_names), 0) loop
    execute format('alter table %s drop constraint %I',
      foreign_tables[n]::regclass, foreign_names[n]);
  end loop;

  -- Emptying the local copies would fire the triggers that refuse TRUNCATE (bit 32 of tgtype).
  for item in select t.tgrelid::regclass as place, t.tgname as title from pg_trigger t
    where t.tgrelid = any (todo) and not t.tgisinternal and t.tgtype::integer & 32 <> 0
      and t.tgenabled <> 'D' order by t.tgrelid, t.tgname
  loop
    execute format('alter table %s disable trigger %I', item.place, item.title);
  end loop;

  for item in select c.oid::regclass as place
    from unnest(global_tables) with ordinality g (title, n)
    join pg_class c on c.relname = g.title where c.oid = any (todo) order by g.n
  loop
    perform create_reference_table(item.place);
    perform truncate_local_data_after_distributing_table(item.place);
  end loop;

  select p.logicalrelid into anchor from pg_dist_partition p
    join pg_class c on c.oid = p.logicalrelid
  where c.relnamespace = home and p.partmethod = 'h' order by c.oid limit 1;
  for item in select c.oid, c.relname from unnest(todo) with ordinality t (id, n)
    join pg_class c on c.oid = t.id where c.relname <> all (global_tables) order by t.n
  loop
    perform create_distributed_table(item.oid::regclass, 'book_id', colocate_with =>
      coalesce((select format('%I.%I', home::name, c.relname) from pg_class c where c.oid = anchor),
        'none'));
    anchor := coalesce(anchor, item.oid);
    perform truncate_local_data_after_distributing_table(item.oid::regclass);
  end loop;

  -- Shards do not take over whether a trigger is on, so it is said again for each. ALWAYS: also
  -- where rows arrive by replication, as when a shard moves.
  for item in select t.tgrelid::regclass as place, t.tgname as title from pg_trigger t
    where t.tgrelid = any (todo) and not t.tgisinternal order by t.tgrelid, t.tgname
  loop
    execute format('alter table %s enable always trigger %I', item.place, item.title);
  end loop;

  for n in 1 .. coalesce(cardinality(foreign_names), 0) loop
    execute format('alter table %s add constraint %I %s',
      foreign_tables[n]::regclass, foreign_names[n], foreign_rules[n]);
  end loop;

  raise notice '已分布 % 张表。 % tables distributed.', cardinality(todo), cardinality(todo);
end $distribute$;

commit;
