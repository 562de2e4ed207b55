-- Fills an empty account of the landed version's schema; `filling.py` puts its values in. Everything
-- follows from the number of a task, so that two runs differ in their account and their moment alone.

-- Ids that sort as they were made, as those of the product: kinds keep apart.
CREATE FUNCTION pg_temp.made(kind integer, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
  SELECT (lpad(to_hex(1700000000000 + number), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8'
    || substr(md5(kind::text || ':' || number::text || '::account'), 1, 15))::uuid
$$;
-- When a task began: the last one an hour ago, the first 400 days before it.
CREATE FUNCTION pg_temp.began(task bigint) RETURNS timestamptz STABLE LANGUAGE sql AS $$
  SELECT timestamptz :now - interval '1 hour' - interval '400 days' * (1 - task / :tasks.0)
$$;

INSERT INTO account (account, name, zone, language, after_crash, created_at)
VALUES (:account, 'Grand Nord', 'America/Toronto', 'fr_CA', 'hold', pg_temp.began(0));
INSERT INTO unit (account, id, external_id, parent, kind, name)
SELECT :account, pg_temp.made(1, n), 'U' || n, CASE WHEN n > 0 THEN pg_temp.made(1, 0) END,
  CASE n WHEN 0 THEN 'head_office' ELSE 'region' END, 'Région ' || n
FROM generate_series(0, 4) AS n;
-- 0: administrator, 1 and 2: dispatchers, 3: manager; 10 to 49: technicians.
INSERT INTO app_user (account, id, external_id, unit, role, name, email, language, password_hash,
  active, created_at)
SELECT :account, pg_temp.made(2, n), 'E' || n, pg_temp.made(1, CASE WHEN n < 10 THEN 0 ELSE 1 + n % 4 END),
  CASE n WHEN 0 THEN 'administrator' WHEN 3 THEN 'manager' WHEN 1 THEN 'dispatcher'
    WHEN 2 THEN 'dispatcher' ELSE 'technician' END,
  'Personne ' || n, n || '@nord.test', CASE WHEN n % 2 = 0 THEN 'en_CA' ELSE 'fr_CA' END, :password,
  n <> 49, pg_temp.began(0)
FROM generate_series(0, 49) AS n WHERE n < 4 OR n >= 10;
INSERT INTO login (address, account, app_user)
SELECT email, account, id FROM app_user WHERE account = :account;
-- Two devices each, the second of some revoked.
INSERT INTO device (account, id, technician, name, credential_hash, enrolled_at, revoked_at)
SELECT :account, pg_temp.made(3, 2 * n + d), pg_temp.made(2, n), 'Téléphone ' || d,
  sha256(sha256(('device ' || n || ' ' || d)::bytea)), pg_temp.began(0),
  CASE WHEN d = 1 AND n % 3 = 0 THEN timestamptz :now - interval '30 days' END
FROM generate_series(10, 49) AS n, generate_series(0, 1) AS d;
INSERT INTO enrolment_code (account, code_hash, technician, expires_at, used_at)
SELECT :account, sha256(('code ' || n)::bytea), pg_temp.made(2, n), pg_temp.began(0),
  CASE WHEN n % 2 = 0 THEN pg_temp.began(0) END
FROM generate_series(10, 19) AS n;
INSERT INTO api_token (account, token_hash, name, created_by, created_at, revoked_at)
SELECT :account, sha256(sha256(('token ' || n)::bytea)), 'Programme ' || n,
  CASE WHEN n > 1 THEN pg_temp.made(2, 0) END, pg_temp.began(0),
  CASE n WHEN 2 THEN timestamptz :now END
FROM generate_series(1, 3) AS n;

INSERT INTO state (account, code, name, names, kind)
SELECT :account, code, name, jsonb_build_object('fr', name, 'en', english), kind
FROM (VALUES ('100', 'À planifier', 'To plan', 'planned'), ('200', 'Planifié', 'Planned', 'planned'),
  ('300', 'En route', 'On the way', 'active'), ('400', 'Sur place', 'On site', 'active'),
  ('600', 'Terminé', 'Done', 'done'), ('610', 'Terminé en partie', 'Partly done', 'done'),
  ('700', 'Fermé', 'Closed', 'closed'), ('900', 'Annulé', 'Cancelled', 'cancelled'))
  AS s(code, name, english, kind);
INSERT INTO task_type (account, id, external_id, name, names, flow, asks)
SELECT :account, pg_temp.made(4, n), 'T' || n, 'Genre ' || n,
  jsonb_build_object('fr', 'Genre ' || n, 'en', 'Kind ' || n),
  CASE n WHEN 3 THEN '{}' ELSE '{"100": ["200", "900"], "200": ["300", "900"], "300": ["400"],
    "400": ["600", "610"], "600": ["700"]}' END::jsonb,
  CASE WHEN n < 3 THEN jsonb_build_array(jsonb_build_object('campaign', pg_temp.made(5, 1),
    'name', 'Satisfaction', 'states', '["600"]'::jsonb, 'primary', 'customer',
    'secondary', 'location', 'may_untick', true)) END
FROM generate_series(1, 3) AS n;

INSERT INTO customer (account, id, external_id, name, email, billing_email, email_by, email_at,
  phone, language, created_at)
SELECT :account, pg_temp.made(6, n), CASE WHEN n % 7 > 0 THEN 'C' || n END, 'Client ' || n,
  CASE WHEN n % 11 > 0 THEN 'Client.' || n || '@example.test' END,
  CASE WHEN n % 4 = 0 THEN 'factures.' || n || '@example.test' END,
  CASE WHEN n % 13 = 0 THEN pg_temp.made(2, 10 + n % 40) END,
  CASE WHEN n % 13 = 0 THEN pg_temp.began(n) END,
  CASE WHEN n % 3 > 0 THEN '418 555-' || lpad((n % 10000)::text, 4, '0') || ' poste 12' END,
  CASE WHEN n % 5 = 0 THEN 'en_CA' ELSE 'fr_CA' END, pg_temp.began(n)
FROM generate_series(0, :tasks / 3) AS n;
INSERT INTO location (account, id, external_id, customer, name, address, email, phone, zone)
SELECT :account, pg_temp.made(7, n), 'L' || n, pg_temp.made(6, n), 'Lieu ' || n,
  n || ', rue Principale' || CASE WHEN n % 2 = 0 THEN E'\nAlma' ELSE '' END,
  CASE WHEN n % 11 = 0 AND n % 2 = 0 THEN 'lieu.' || n || '@example.test' END, NULL,
  CASE WHEN n % 5 = 0 THEN 'America/Vancouver' END
FROM generate_series(0, :tasks / 3) AS n;

-- A task's technician, and whether it went to another one or into a pool since; a few go on long.
CREATE TEMP TABLE job AS
SELECT n, pg_temp.made(8, n) AS id, 10 + n % 40 AS first, 10 + (n + (n % 9 = 0)::int) % 40 AS last,
  n % 17 = 0 AS pooled, n / 3 AS client, CASE WHEN n % 500 = 252 THEN 77 ELSE 1 + n % 7 END AS steps,
  pg_temp.began(n) AS began
FROM generate_series(1::bigint, :tasks) AS n;
CREATE UNIQUE INDEX ON job (n);
CREATE TEMP TABLE step AS
SELECT j.n, s AS place, pg_temp.made(9, 100 * j.n + s) AS id,
  CASE WHEN j.n % 50 = 0 AND s = j.steps THEN '900'
    ELSE (ARRAY['200', '300', '400', '600', '610', '700', '600'])[1 + (s - 1) % 7] END AS state,
  j.began + interval '20 minutes' * s AS moment,
  j.began + interval '20 minutes' * s
    + CASE WHEN j.n % 10 = 0 THEN interval '5 hours' ELSE interval '3 seconds' END AS received,
  (j.n + s) % 37 = 0 AS office
FROM job j, generate_series(1, j.steps) AS s;
CREATE UNIQUE INDEX ON step (n, place);
ANALYZE job, step;

INSERT INTO task (account, id, external_id, type, initial_state, state, state_moment,
  state_transition, customer, location, unit, technician, title, contact_email, priority, reason,
  channel, account_manager, tags, scheduled_at, created_at)
SELECT :account, j.id, CASE WHEN j.n % 3 > 0 THEN 'N' || j.n END, pg_temp.made(4, 1 + j.n % 3),
  '100', s.state, s.moment, s.id, CASE WHEN j.n % 29 > 0 THEN pg_temp.made(6, j.client) END,
  CASE WHEN j.n % 29 > 0 THEN pg_temp.made(7, j.client) END, pg_temp.made(1, 1 + j.first % 4),
  CASE WHEN NOT j.pooled THEN pg_temp.made(2, j.last) END, 'Travail ' || j.n,
  CASE WHEN j.n % 31 = 0 THEN 'sur.place.' || j.n || '@example.test' END,
  (ARRAY['haute', 'normale'])[1 + j.n % 3], (ARRAY['Garantie', 'Contrat'])[1 + j.n % 4],
  (ARRAY['phone', 'web'])[1 + j.n % 3], CASE WHEN j.n % 6 = 0 THEN pg_temp.made(2, 3) END,
  CASE WHEN j.n % 5 = 0 THEN ARRAY['chien', 'sous garantie'] ELSE '{}' END,
  CASE WHEN j.n % 2 = 0 THEN j.began + interval '1 hour' END, j.began - interval '1 day'
FROM job j JOIN step s ON (s.n, s.place) = (j.n, j.steps);
INSERT INTO assignment (account, id, task, technician, start_at, end_at)
SELECT :account, pg_temp.made(10, 2 * n), id, pg_temp.made(2, first), began - interval '1 day',
  CASE WHEN first <> last OR pooled THEN began + interval '1 day' END
FROM job;
INSERT INTO assignment (account, id, task, technician, unit, start_at)
SELECT :account, pg_temp.made(10, 2 * n + 1), id, CASE WHEN NOT pooled THEN pg_temp.made(2, last) END,
  CASE WHEN pooled THEN pg_temp.made(1, 1 + first % 4) END, began + interval '1 day'
FROM job WHERE first <> last OR pooled;

INSERT INTO transition (account, id, task, state, moment, sequence, device_moment, received_at,
  device, technician, note, survey, email, unexpected, unit, priority, reason, channel,
  account_manager, tags, survey_reason, by)
SELECT :account, s.id, j.id, s.state, s.moment, CASE WHEN s.office THEN 0 ELSE 100 * j.n + s.place END,
  s.moment + CASE WHEN j.n % 23 = 0 THEN interval '2 hours' ELSE interval '0' END, s.received,
  CASE WHEN NOT s.office THEN pg_temp.made(3, 2 * j.first) END, pg_temp.made(2, j.first),
  CASE WHEN s.place % 3 = 0 THEN 'Fait : étape ' || s.place END, (j.n + s.place) % 19 > 0,
  CASE WHEN j.n % 41 = 0 AND s.place = 3 THEN 'Chez.Nous' || j.n || '@Example.test' END, s.state = '610',
  t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags,
  CASE WHEN (j.n + s.place) % 19 = 0 THEN 'Client absent' END,
  CASE WHEN s.office THEN pg_temp.made(2, 1 + s.place % 2) END
FROM step s JOIN job j USING (n) JOIN task t ON t.account = :account AND t.id = j.id;
-- Some were refused and accepted later, some parked until their task was created.
INSERT INTO verdict (account, id, device, technician, task, verdict, digest, received_at,
  settled_at, settled_by)
SELECT :account, s.id, CASE WHEN NOT s.office THEN pg_temp.made(3, 2 * j.first) END,
  pg_temp.made(2, j.first), j.id, 'accepted', sha256(uuid_send(s.id)), s.received,
  CASE WHEN NOT s.office AND ((j.n + s.place) % 61 = 0 OR (j.n + s.place) % 67 = 0) THEN s.received + interval '1 hour' END,
  CASE WHEN NOT s.office AND (j.n + s.place) % 61 = 0 THEN pg_temp.made(2, 1) END
FROM step s JOIN job j USING (n);
-- One in twelve tasks had a step refused; of some of them it was parked before.
INSERT INTO verdict (account, id, device, technician, task, verdict, reason, digest, body,
  received_at, settled_at)
SELECT :account, pg_temp.made(11, n), pg_temp.made(3, 2 * (10 + (n + 3) % 40)), pg_temp.made(2, 10 + (n + 3) % 40),
  id, 'refused', CASE WHEN n % 24 = 0 THEN 'unknown_state' ELSE 'no_authority' END,
  sha256(uuid_send(pg_temp.made(11, n))),
  jsonb_build_object('state', CASE WHEN n % 24 = 0 THEN '620' ELSE '600' END,
    'moment', to_json(began + interval '50 minutes')#>>'{}', 'device_moment', to_json(began + interval '55 minutes')#>>'{}',
    'sequence', n, 'note', CASE WHEN n % 5 = 0 THEN 'Refusé : ' || n END, 'survey', n % 36 > 0,
    'email', CASE WHEN n % 60 = 0 THEN 'pas une adresse' END)
    || CASE WHEN n % 36 = 0 THEN '{"survey_reason": "Client absent"}' WHEN n % 5 = 0 THEN '{"survey_reason": null}' ELSE '{}' END::jsonb,
  began + interval '1 hour', CASE WHEN n % 120 = 0 THEN began + interval '2 hours' END
FROM job WHERE n % 12 = 0;
-- Two steps each of tasks that nobody created.
INSERT INTO verdict (account, id, device, technician, task, verdict, digest, body, received_at)
SELECT :account, pg_temp.made(12, 2 * n + s), pg_temp.made(3, 2 * (10 + n % 40)), pg_temp.made(2, 10 + n % 40),
  pg_temp.made(13, n), 'parked', sha256(uuid_send(pg_temp.made(12, 2 * n + s))),
  jsonb_build_object('state', '300', 'moment', to_json(pg_temp.began(n))#>>'{}',
    'device_moment', to_json(pg_temp.began(n))#>>'{}', 'sequence', s, 'note', null, 'survey', true,
    'email', null, 'survey_reason', null),
  pg_temp.began(n) + interval '1 minute' * s
FROM generate_series(1::bigint, :tasks) AS n, generate_series(0, 1) AS s WHERE n % 50 = 0;

INSERT INTO campaign_set (account, revision) VALUES (:account, 7);
INSERT INTO campaign (account, id, external_id, name, status, version, activated_at, created_at)
SELECT :account, pg_temp.made(5, n), 'K' || n, (ARRAY['Satisfaction', 'Ancienne', 'Projet', 'Arrêtée'])[n],
  (ARRAY['active', 'archived', 'draft', 'paused'])[n], CASE n WHEN 1 THEN 2 ELSE 1 END,
  CASE WHEN n <> 3 THEN pg_temp.began(0) END, pg_temp.began(0)
FROM generate_series(1, 4) AS n;
INSERT INTO campaign_version (account, campaign, version, definition, created_at)
SELECT :account, pg_temp.made(5, c), v, :definition::jsonb || jsonb_build_object('rules',
  jsonb_build_array(jsonb_build_object('states', jsonb_build_array('600'),
    'task_types', jsonb_build_array(pg_temp.made(4, 1), pg_temp.made(4, 2))))), pg_temp.began(0)
FROM (VALUES (1, 1), (1, 2), (2, 1), (3, 1), (4, 1)) AS made(c, v);
INSERT INTO campaign_pause (account, campaign, start_at, end_at) VALUES
  (:account, pg_temp.made(5, 1), pg_temp.began(:tasks / 4), pg_temp.began(:tasks / 3)),
  (:account, pg_temp.made(5, 4), pg_temp.began(:tasks / 2), NULL);

-- What the active campaign decided on the first '600', and on what came behind it.
CREATE TEMP TABLE asked AS
SELECT j.*, s.id AS step, s.received, pg_temp.made(14, j.n) AS invitation,
  'client.' || j.client || '@example.test' AS address,
  (ARRAY['sent', 'sent', 'sent', 'sent', 'failed', 'expired', 'dropped', 'uncertain', 'held',
    'claimed', 'scheduled', 'sent', 'none', 'let_go', 'sent', 'sent', 'none'])[1 + j.n % 17] AS status
FROM job j JOIN step s ON s.n = j.n AND s.place = 4 AND s.state = '600'
WHERE j.n % 3 < 2;
CREATE UNIQUE INDEX ON asked (n);
ANALYZE asked;
INSERT INTO decision (account, campaign, transition, task, round, outcome, release, decided_at)
SELECT :account, pg_temp.made(5, 1), step, id, 1, CASE status WHEN 'none' THEN
    (ARRAY['paused', 'before_activation', 'stale', 'opted_out_by_agent', 'task_cancelled',
      'left_state', 'no_address', 'suppressed', 'muted'])[1 + n % 9] WHEN 'dropped' THEN 'no_address' ELSE 'scheduled' END,
  CASE WHEN status NOT IN ('none', 'dropped') THEN received + interval '12 minutes' END,
  received + interval '1 second'
FROM asked;
INSERT INTO decision (account, campaign, transition, task, round, outcome, decided_at)
SELECT :account, pg_temp.made(5, 1), s.id, a.id, 1, 'not_first', s.received + interval '1 second'
FROM asked a JOIN step s ON s.n = a.n AND s.place > 4 AND s.state = '600';

INSERT INTO contact (account, address, suppressed, suppressed_at)
SELECT :account, address, CASE WHEN min(n) % 43 = 0 THEN 'unsubscribed' WHEN min(n) % 47 = 0 THEN 'bounced' END,
  CASE WHEN min(n) % 43 = 0 OR min(n) % 47 = 0 THEN max(received) END
FROM asked GROUP BY address;
INSERT INTO invitation (account, id, campaign, version, task, round, transition, technician, status,
  reason, due, release, rearm_moment, rearm_sequence, rearm_transition, address, typed_address, address_field,
  address_by_technician, language, message_id, sent_at, deadline, created_at)
SELECT :account, invitation, pg_temp.made(5, 1), 1 + n % 2, id, 1, step, pg_temp.made(2, first),
  CASE status WHEN 'let_go' THEN 'scheduled' ELSE status END, CASE status WHEN 'failed' THEN '550 5.1.1 no such mailbox' WHEN 'dropped' THEN 'no_address'
    WHEN 'expired' THEN '451 4.7.1 try later' END,
  began + interval '92 minutes', received + interval '12 minutes',
  CASE WHEN rearms THEN received END, CASE WHEN rearms THEN 100 * n + 4 END,
  CASE WHEN rearms THEN step END,
  CASE WHEN known THEN address END, CASE WHEN known THEN initcap(address) END,
  CASE WHEN known THEN 'customer' END, n % 41 = 0, CASE WHEN known THEN 'fr_CA' END,
  CASE WHEN known THEN '<' || invitation || '@nord.test>' END,
  CASE WHEN status = 'sent' THEN received + interval '13 minutes' END,
  CASE WHEN status = 'sent' THEN received + interval '28 days' END, received + interval '1 second'
FROM asked, LATERAL (SELECT status NOT IN ('dropped', 'scheduled'),
  status = 'dropped' AND n % 2 = 0) AS k(known, rearms)
WHERE status <> 'none';
INSERT INTO outbox (account, invitation, release, not_before, phase, attempt, lease_until,
  first_tried_at, resent, survey_token, unsubscribe_token, faults, error, vouched_at)
SELECT :account, invitation, received + interval '12 minutes', received + interval '30 minutes', phase,
  CASE status WHEN 'scheduled' THEN 0 ELSE 2 END,
  CASE WHEN phase IN ('claimed', 'data') THEN received + interval '1 hour' END,
  CASE WHEN status <> 'scheduled' THEN received + interval '13 minutes' END, status = 'uncertain' OR n % 5 = 0 AND status IN ('held', 'let_go'),
  CASE WHEN status <> 'scheduled' THEN sha256(('survey ' || invitation)::bytea) END,
  CASE WHEN status <> 'scheduled' THEN sha256(('unsubscribe ' || invitation)::bytea) END,
  CASE WHEN n % 7 = 0 THEN 3 ELSE 0 END, CASE WHEN n % 7 = 0 THEN 'KeyError' END,
  CASE WHEN phase = 'waiting' AND n % 6 = 0 THEN received + interval '2 hours' END
FROM asked, LATERAL (SELECT CASE status WHEN 'held' THEN 'held' WHEN 'scheduled' THEN 'waiting' WHEN 'let_go' THEN 'waiting'
  WHEN 'claimed' THEN (ARRAY['waiting', 'claimed', 'data'])[1 + n / 17 % 3]
  WHEN 'uncertain' THEN (ARRAY['waiting', 'claimed', 'data'])[n / 17 % 4] END) AS p(phase)
WHERE phase IS NOT NULL;
INSERT INTO mute (account, address, campaign, invitation, confirmed, counted_from)
SELECT DISTINCT ON (address) :account, address, pg_temp.made(5, 1), invitation, status = 'sent',
  received + interval '12 minutes'
FROM asked WHERE status IN ('sent', 'claimed', 'uncertain') ORDER BY address, received DESC;
INSERT INTO link (account, token_hash, purpose, invitation)
SELECT :account, sha256(sha256((purpose || ' ' || invitation)::bytea)), purpose, invitation
FROM asked, unnest(ARRAY['survey', 'unsubscribe']) AS purpose WHERE status IN ('sent', 'uncertain', 'claimed');
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)
SELECT :account, pg_temp.made(15, 2 * n + place), invitation, kind, received + interval '13 minutes' + interval '1 minute' * place,
  place + 1, detail
FROM asked CROSS JOIN LATERAL (
  SELECT status AS kind, 1 AS place, CASE status WHEN 'failed' THEN '550 5.1.1 no such mailbox'
    WHEN 'dropped' THEN 'no_address' WHEN 'expired' THEN '451 4.7.1 try later' END AS detail
  WHERE status IN ('sent', 'failed', 'expired', 'dropped', 'uncertain', 'held')
  UNION ALL
  SELECT 'deferred', 0, '451 4.7.1 try later' WHERE status = 'expired' OR n % 8 = 0 AND status = 'sent'
) AS told;

CREATE TEMP TABLE said AS
SELECT a.*, v.version, (1 + (n + v.version) % 5)::smallint AS rating, received + interval '1 day' + interval '1 minute' * v.version AS at,
  CASE WHEN (n + v.version) % 4 = 0 THEN 'Un mot, version ' || v.version ELSE '' END AS comment,
  row_number() OVER (PARTITION BY n ORDER BY v.version DESC) AS latest
FROM asked a, LATERAL (SELECT unnest(CASE WHEN n % 8 = 0 THEN (SELECT array_agg(v) FROM generate_series(1, 25) AS v) WHEN n % 4 = 0 THEN ARRAY[1, 2] ELSE ARRAY[1] END) AS version) AS v
WHERE status = 'sent' AND n % 2 = 0;
INSERT INTO answer (account, invitation, task, campaign, version, rating, reasons, comment, not_me,
  call_back, language, first_answered_at, answered_at)
SELECT :account, invitation, id, pg_temp.made(5, 1), 1 + n % 2, CASE WHEN n % 38 = 0 THEN NULL ELSE rating END,
  CASE WHEN rating <= 2 THEN ARRAY['late'] ELSE '{}' END, comment, n % 38 = 0, n % 9 = 0,
  'fr_CA', received + interval '1 day', at
FROM said WHERE latest = 1;
INSERT INTO answer_version (account, invitation, version, rating, reasons, comment, not_me,
  call_back, language, answered_at)
SELECT :account, invitation, version, CASE WHEN n % 38 = 0 THEN NULL ELSE rating END,
  CASE WHEN rating <= 2 THEN ARRAY['late'] ELSE '{}' END, comment, n % 38 = 0, n % 9 = 0, 'fr_CA', at
FROM said;
INSERT INTO task_result (account, task, answers, rating_mean, rating_last, negative, comments,
  call_back, answered_at, rolled_at)
SELECT :account, id, 1, rating, rating, rating <= 2, (comment <> '')::int, n % 9 = 0, at, at + interval '1 second'
FROM said WHERE latest = 1 AND n % 38 > 0;
INSERT INTO rollup_change (account, task, changed_at, attempts, not_before, quarantined_at, error)
SELECT :account, id, at, 1, at, CASE WHEN n % 3 = 0 THEN at END, CASE WHEN n % 3 = 0 THEN 'KeyError' END
FROM said WHERE latest = 1 AND n % 97 = 0;
INSERT INTO task_change (account, task, changed_at, attempts, not_before, quarantined_at, error)
SELECT :account, id, began, 5, began, CASE WHEN n % 2 = 0 THEN began END, CASE WHEN n % 2 = 0 THEN 'KeyError' END
FROM job WHERE n % 211 = 0;

-- Feeds: what a technician has, tombstones of what went to another one, verdicts that were settled.
CREATE TEMP TABLE held AS
SELECT 'state' AS kind, s.code AS id, t AS who, false AS gone, pg_temp.began(0) AS at
FROM state s, generate_series(10, 49) AS t WHERE s.account = :account
UNION ALL SELECT 'task_type', y.id::text, t, false, pg_temp.began(0)
FROM task_type y, generate_series(10, 49) AS t WHERE y.account = :account
UNION ALL SELECT 'task', id::text, last, false, began FROM job WHERE NOT pooled
UNION ALL SELECT 'task', id::text, first, true, began FROM job WHERE first <> last OR pooled
UNION ALL SELECT kind, pg_temp.made(made, client)::text, last, false, min(began)
FROM job, (VALUES ('customer', 6), ('location', 7)) AS k(kind, made)
WHERE NOT pooled AND n % 29 > 0 GROUP BY kind, made, client, last
UNION ALL SELECT 'verdict', v.id::text, split_part(u.email, '@', 1)::int, false, v.settled_at
FROM verdict v JOIN app_user u ON (u.account, u.id) = (v.account, v.technician)
WHERE v.account = :account AND v.settled_at IS NOT NULL;
INSERT INTO feed (account, technician, kind, id, position, deleted, changed_at)
SELECT :account, pg_temp.made(2, who), kind, id, row_number() OVER (ORDER BY at, kind DESC, id, who), gone, at
FROM held;
INSERT INTO feed_head (account, epoch, position, pruned)
SELECT :account, 1, count(*), 0 FROM held;
DROP TABLE job, step, asked, said, held;
ANALYZE;
