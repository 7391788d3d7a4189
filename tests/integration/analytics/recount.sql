-- The numbers of analytics, counted a second way: from an export of the topics (table `log`: topic, partition, "offset",
-- kind, body), each report looked at once, without a line or a table of the service's code.
-- Ends in `days` and `months`: (span, cell, n).

create temp table bounds(bound bigint);
insert into bounds values (1), (2), (5), (10), (20), (30), (60), (120), (300), (600), (900), (1800), (3600), (7200),
  (14400), (28800), (43200), (86400), (172800), (259200), (604800), (1209600), (2592000), (5184000), (7776000),
  (15552000), (31536000);

-- Of each stream the first record of every version is the truth.
create temp table story as
  select topic, (body->>'report_id') as id, kind, body,
    cast((body->>(case topic when 'reports' then 'intake_version' when 'routings' then 'version'
                            when 'cases' then 'case_version' else 'alert_version' end)) as bigint) as version,
    cast(body->>'ownership' as bigint) as ownership,
    epoch_ms(cast(body->>'at' as timestamptz)) as at_ms
  from log where topic <> 'centers'
  qualify row_number() over (partition by topic, id, version order by partition, "offset") = 1;

create temp table intake as
  select id, (body->'facts') as facts, version,
    epoch_ms(cast(body->>'received_at' as timestamptz)) as received_ms
  from story where topic = 'reports' and (body->'facts') is not null;

create temp table decided as
  select id, version, ownership, (body->'decision') as decision, (body->'facts') as facts,
    epoch_ms(cast(body->>'received_at' as timestamptz)) as received_ms,
    epoch_ms(cast(body->>'decided_at' as timestamptz)) as decided_ms
  from story where topic = 'routings' and (body->'decision') is not null;

create temp table stand as   -- where the report stands by routing's last words
  with last_end as (
    select id, arg_max(body->>'reason', version) as reason, max(version) as version
    from story where kind = 'report.ended.v1' group by id),
  brought_back as (
    select id, max(version) as version from story where topic = 'routings'
      and (kind = 'report.rerouted.v1' or (body->>'kind') in ('reopened', 'reinstated')) group by id)
  select r.id, max(r.ownership) as ownership,
    any_value(case when coalesce(b.version, 0) < e.version then e.reason end) as ended
  from story r left join last_end e using (id) left join brought_back b using (id)
  where r.topic = 'routings' group by r.id;

create temp table report as
  select i.id is not null as accepted, d.id is not null as routed, coalesce(i.id, d.id) as id,
    coalesce(i.received_ms, d.received_ms) as received_ms,
    coalesce(cast((coalesce(i.first_facts, d.facts)->>'synthetic') as boolean), false) as drill,
    i.facts, d.owner, d.home, d.since_ms, s.ownership, s.ended
  from (select id, min(received_ms) as received_ms, arg_min(facts, version) as first_facts,
          arg_max(facts, version) as facts from intake group by id) i
  full join (select id, min(received_ms) as received_ms, arg_min(facts, version) as facts,
          arg_max(decision->>'center_id', version) as owner,
          arg_max(coalesce(decision->>'home_center_id', 'none'), version) as home,
          arg_max(decided_ms, version) as since_ms from decided group by id) d on d.id = i.id
  left join stand s on s.id = coalesce(i.id, d.id);
delete from report where drill;

create temp table harms as
  select distinct id, unnest(cast(facts->'harm_types' as varchar[])) as harm from report where accepted;

create temp table acts as   -- what notify says of each report
  select r.id,
    (select min(at_ms) from story c where c.id = r.id and kind = 'case.acknowledged.v1'
       and version = (select min(version) from story a where a.id = r.id and a.kind = 'case.acknowledged.v1')) as seen_ms,
    (select arg_min(at_ms, version) from story c where c.id = r.id and kind = 'case.acknowledged.v1'
       and c.ownership = r.ownership) as answered_ms,
    (select arg_min(at_ms, version) from story c where c.id = r.id and kind = 'case.contacted.v1') as met_ms,
    exists (select 1 from story c where c.id = r.id and kind = 'alert.sent.v1' and c.ownership = r.ownership) as alerted
  from report r;

create temp table closing as   -- the last closing that no reopening undid, if its ownership is the present one
  select r.id, arg_max(c.body->>'outcome', c.version) as outcome, arg_max(c.at_ms, c.version) as at_ms
  from report r join story c on c.id = r.id and c.kind = 'case.closed.v1'
  where c.ownership = r.ownership and not exists (
    select 1 from story o where o.id = c.id and o.kind = 'case.reopened.v1' and o.version > c.version
      and o.ownership >= c.ownership)
  group by r.id;

create temp table whole as
  select r.*, a.* exclude (id), c.outcome as closed_as, c.at_ms as closed_ms,
    strftime(make_timestamp((received_ms + 32400000) * 1000), '%Y-%m-%d') as day,
    strftime(make_timestamp((received_ms + 32400000) * 1000), '%Y-%m') as month,
    case when ended is null then 'in_care' when ended <> 'closed' then ended else coalesce(c.outcome, 'unknown') end
      as outcome
  from report r join acts a using (id) left join closing c using (id);

create temp table days as
  with cells as (
    select day, 'stage|accepted' as cell from whole where accepted
    union all select day, 'stage|routed' from whole where routed
    union all select day, 'stage|counted' from whole where accepted and routed
    union all select day, 'stage|alerted' from whole where routed and alerted
    union all select day, 'stage|acknowledged' from whole where routed and answered_ms is not null
    union all select day, 'reports|' || coalesce(owner, 'none') || '|all' from whole where accepted
    union all select day, 'reports|' || coalesce(owner, 'none') || '|' || harm from whole join harms using (id)
    union all select day, 'end|' || ended from whole where accepted and routed and ended is not null
    union all select day, 'ack|' || (select count(*) from bounds where bound <= 604800
        and bound * 1000 < answered_ms - received_ms) from whole where routed and answered_ms is not null)
  select day as span, cell, count(*) as n from cells group by all;

create temp table months as
  with counted as (select * from whole where accepted and routed),
  times as (
    select month, owner, (facts->>'urgency') as urgency, unnest([
        {'measure': 'waiting', 'ms': seen_ms - received_ms},
        {'measure': 'acknowledgement', 'ms': answered_ms - since_ms},
        {'measure': 'first_contact', 'ms': met_ms - received_ms},
        {'measure': 'closing', 'ms': case when ended = 'closed' then closed_ms - received_ms end}]) as t
    from counted),
  cells as (
    select month, 'center+harm|' || owner || '|all' as cell, 1 as n from counted
    union all select month, 'center+harm|' || owner || '|' || harm, 1 from counted join harms using (id)
    union all select month, 'home+center|' || home || '|' || owner, 1 from counted
    union all select month, 'age_band+gender|' || (facts->>'age_band') || '|' || (facts->>'gender'), 1 from counted
    union all select month, 'role+channel|' || (facts->>'role') || '|' || (facts->>'channel'), 1 from counted
    union all select month, 'relationship|' || (facts->>'relationship'), 1 from counted
    union all select month, 'platform|' || (facts->>'platform_kind'), 1 from counted
    union all select month, 'division|' || (facts->>'division'), 1 from counted
    union all select month, 'urgency|' || (facts->>'urgency'), 1 from counted
    union all select month, 'outcome|' || outcome, 1 from counted
    union all select distinct on (id, kind_given) month, 'support|' || kind_given, 1 from (
      select c.id, month, (s.body->>'support') as kind_given from counted c
        join story s on s.id = c.id and s.kind = 'case.supported.v1')
    union all select month, 'support|none', 1 from counted c
      where not exists (select 1 from story s where s.id = c.id and s.kind = 'case.supported.v1')
    union all select month, 'time|' || t.measure || '|' || owner || '|' || urgency || '|'
        || (select count(*) from bounds where bound * 1000 < t.ms), 1 from times where t.ms is not null
    union all select month, 'reason|' || case when version = 1 then 'first' else 'later' end || '|'
        || (decision->>'reason'), 1 from counted join decided using (id)
    union all select month, 'figure|transfers', 1 from counted join decided using (id)
      where (decision->>'reason') = 'transfer_accepted'
    union all select month, 'figure|cases', 1 from counted where answered_ms is not null and outcome <> 'duplicate'
    union all select month, case s.kind when 'alert.sent.v1' then 'figure|alerts_sent'
        when 'alert.failed.v1' then 'figure|alerts_failed' else 'figure|escalations' end, 1
      from counted c join story s on s.id = c.id
        and s.kind in ('alert.sent.v1', 'alert.failed.v1', 'alert.escalated.v1'))
  select month as span, cell, sum(n) as n from cells group by all;

-- Time on duty: from one event of a centre to its next, cut at the months of Korea.
insert into months
  with said as (
    select (body->>'center_id') as center, cast(body->>'center_version' as bigint) as version,
      cast(body->>'staff_on_duty' as bigint) as staff, epoch_ms(cast(body->>'changed_at' as timestamptz)) as at_ms
    from log where topic = 'centers'
    qualify row_number() over (partition by center, version order by "offset") = 1),
  spans as (
    select center, staff, max(at_ms) over before as start_ms,
      greatest(max(at_ms) over before, lead(at_ms) over (partition by center order by version)) as end_ms
    from said window before as (partition by center order by version rows unbounded preceding)),
  cut as (
    select center, staff, start_ms, end_ms, unnest(generate_series(
        date_trunc('month', make_timestamp((start_ms + 32400000) * 1000)),
        make_timestamp((end_ms + 32400000) * 1000), interval 1 month)) as month
    from spans where end_ms is not null)
  select strftime(month, '%Y-%m'), 'staff|' || center, sum(staff * (
      least(end_ms, epoch_ms(month + interval 1 month) - 32400000) - greatest(start_ms, epoch_ms(month) - 32400000)))
  from cut group by all;
