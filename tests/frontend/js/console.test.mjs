import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lifeOf, linksOf } from '../../../gateway/console/life.js';
import { HEALTH, Model, NO_FILTER, SESSIONS, healthOf, matches, placesFor, treeRows } from '../../../gateway/console/model.js';
import { EventReader, waitBefore } from '../../../gateway/console/stream.js';
import { groupAgents, linePath, mostWords } from '../../../gateway/console/top_view.js';
import { audioWords, bytes, eventWords, span } from '../../../gateway/console/words.js';

const NOW = 1_000_000;
const row = (fields) => ({ kind: 'session', state: 'live', restarts_left: 5, mailbox: 0, lost: null, agent: 'triage', ...fields });

function model(count = 2) {
  const actors = { node: { kind: 'supervisor', state: 'running' }, 'node/store': { kind: 'worker', state: 'running' }, [SESSIONS]: { kind: 'supervisor', state: 'running' } };
  for (let number = 1; number <= count; number += 1) {
    actors[`${SESSIONS}/call-${number}`] = row({ began: number, agent: number % 2 ? 'triage' : 'banking', added_ms: [1, 10 - number] });
    actors[`${SESSIONS}/call-${number}/link-1`] = { kind: 'link', state: 'live' };
  }
  const made = new Model();
  made.take('snapshot', { at: NOW, actors, agents: [], totals: {}, series: { step_s: 5, points: 2, look: 1, calls: [1] }, recent: [] }, NOW);
  return made;
}

const names = (made, view = {}) =>
  treeRows(made, { filter: NO_FILTER, order: 'newest', open: new Set(['node', SESSIONS]), ...view }, NOW).rows.map((line) => line.row.name);

test('events are read whole, however the text is cut', () => {
  const reader = new EventReader();
  assert.deepEqual(reader.take('event: delta\nda'), []);
  assert.deepEqual(reader.take('ta: {"at":1}\n\n:\n\nevent: event\ndata: {}\n'), [['delta', { at: 1 }]]);
  assert.deepEqual(reader.take('\n'), [['event', {}]]);
});

test('waits grow, have a bound and differ', () => {
  assert.ok(waitBefore(1, 0) < waitBefore(2, 0));
  assert.ok(waitBefore(1, 0) < waitBefore(1, 0.9));
  assert.ok(waitBefore(99, 1) <= 12_500);
});

test('deltas change, add and remove, and a snapshot forgets', () => {
  const made = model();
  made.take('delta', { at: NOW, actors: { [`${SESSIONS}/call-1`]: { state: 'parked' } }, gone: [`${SESSIONS}/call-2/link-1`, `${SESSIONS}/call-2`] }, NOW);
  assert.equal(made.session('call-1').state, 'parked');
  assert.equal(made.session('call-1').agent, 'triage');
  assert.equal(made.session('call-2'), undefined);
  made.take('snapshot', { at: NOW, actors: {}, recent: [] }, NOW);
  assert.equal([...made.sessions()].length, 0);
});

test('points come once each and push the oldest out, and skew follows the gateway', () => {
  const made = model();
  for (const calls of [1, 2, 2, 3]) {
    made.take('delta', { at: NOW + 7, point: { look: calls, calls } }, NOW);
  }
  assert.deepEqual(made.series.calls, [2, 3]);
  assert.equal(made.skew, 7);
});

test('health has one word for each way to be', () => {
  const cases = [
    [row({}), 'well'],
    [row({ restarts_left: 0 }), 'failing'],
    [row({ state: 'backing_off' }), 'troubled'],
    [row({ mailbox: 21 }), 'troubled'],
    [row({ state: 'parked' }), 'away'],
    [row({ lost: NOW - 1000 }), 'changing'],
    [row({ lost: NOW - 120_000 }), 'well'],
    [row({ state: 'ending' }), 'idle'],
    [{ kind: 'link', state: 'dialling', restarts_left: null }, 'changing'],
    [{ kind: 'worker', state: 'running', restarts_left: null, restarted: NOW - 1 }, 'changing'],
  ];
  for (const [actor, health] of cases) {
    assert.equal(healthOf(actor, NOW), health, JSON.stringify(actor));
    assert.ok(HEALTH.includes(health));
  }
});

test('calls are found by words, agent, state, health and recent loss', () => {
  const call = row({ name: 'abc-123', lost: NOW - 299_000 });
  const found = (filter) => matches(call, { ...NO_FILTER, ...filter }, NOW);
  assert.ok(found({ text: ' ABC triage ' }));
  assert.ok(!found({ text: 'abc banking' }));
  assert.ok(found({ state: 'live', agent: 'triage', restarted: true }));
  assert.ok(found({ state: 'well' }));
  assert.ok(!found({ state: 'failing' }));
  assert.ok(!matches({ ...call, lost: NOW - 301_000 }, { ...NO_FILTER, restarted: true }, NOW));
});

test('the tree folds, filters and orders', () => {
  const made = model(3);
  assert.deepEqual(names(made), ['node', 'sessions', 'call-3', 'call-2', 'call-1', 'store']);
  assert.deepEqual(names(made, { order: 'slowest' }).slice(2, 5), ['call-1', 'call-2', 'call-3']);
  assert.deepEqual(names(made, { filter: { ...NO_FILTER, agent: 'banking' } }), ['node', 'sessions', 'call-2', 'store']);
  assert.deepEqual(names(made, { open: new Set() }), ['node']);
  const open = new Set(['node', SESSIONS, `${SESSIONS}/call-3`]);
  assert.deepEqual(names(made, { open }).slice(2, 5), ['call-3', 'link-1', 'call-2']);
  made.actors.get(`${SESSIONS}/call-1`).state = 'dialling';
  assert.equal(names(made, { order: 'trouble' })[2], 'call-1');
});

const STORY = {
  began: 0,
  live: true,
  steps: [
    { event: 'began', at: 0 },
    { event: 'dialled', at: 1, agent: 'triage', generation: 1, reason: 'start' },
    { event: 'swap', at: 10, to: 'triage', outcome: 'done' },
    { event: 'link_lost', at: 50, generation: 1, cause: 'broken', detail: 'x' },
    { event: 'dialled', at: 52, agent: 'triage', generation: 2, reason: 'failover' },
    { event: 'swap', at: 60, to: 'triage', outcome: 'done' },
    { event: 'parked', at: 70 },
    { event: 'resumed', at: 80 },
  ],
};

test('a life is who served when, and who did not', () => {
  const { spans, marks } = lifeOf(STORY, 100);
  assert.deepEqual(spans.map(({ kind, from, to }) => [kind, from, to]), [
    ['gap', 0, 10],
    ['agent', 10, 50],
    ['gap', 50, 60],
    ['parked', 70, 80],
    ['agent', 60, 100],
  ]);
  assert.equal(marks.filter((mark) => mark.tone === 'failing').length, 1);
});

test('links say how long they lasted and how they ended', () => {
  const [second, first] = linksOf(STORY);
  assert.deepEqual([first.from, first.to, first.end, first.cause], [1, 50, 'lost', 'broken']);
  assert.deepEqual([second.from, second.to, second.end], [52, null, 'open']);
  const over = linksOf({ ...STORY, live: false, steps: [...STORY.steps, { event: 'ended', at: 90 }] });
  assert.deepEqual(over.map((link) => link.end), ['ended', 'lost']);
});

test('agents are as well as their instances', () => {
  const instance = (status, breaker = 'closed') => ({ id: 'triage', status, breaker, links: 2 });
  const health = (...instances) => groupAgents(instances)[0].health;
  assert.equal(health(instance('healthy'), instance('healthy')), 'well');
  assert.equal(health(instance('healthy'), instance('healthy', 'open')), 'changing');
  assert.equal(health(instance('unhealthy')), 'failing');
  assert.equal(health(instance('draining')), 'away');
  assert.equal(groupAgents([instance('healthy'), instance('draining')])[0].links, 4);
});

test('a line ends at the right and has gaps where nothing was measured', () => {
  const path = linePath([1, null, 2], 3, 100, 30);
  assert.equal(path.match(/M/g).length, 2);
  assert.ok(path.includes('M100.0'));
  assert.equal(linePath([], 3), '');
});

test('figures are short, and every event has words', () => {
  assert.deepEqual([span(840), span(3200), span(240_000), span(7_500_000)], ['840 ms', '3.2 s', '4 min', '2 h 5 min']);
  assert.deepEqual([audioWords(null, NOW), audioWords(0, NOW), audioWords(NOW - 2000, NOW)], ['–', 'flowing', '2.0 s']);
  assert.deepEqual([bytes(0), bytes(2048)], ['–', '2 KB']);
  const policy = { avoid: true, bar: false, when_none: 'back_off' };
  const lost = eventWords({ event: 'link_lost', agent: 'idv', cause: 'half_open', detail: 'x', policy });
  assert.equal(lost.title, 'Lost the link to idv: half open');
  assert.match(lost.more, /another instance first/);
  const swap = { event: 'swap', reason: 'failover', outcome: 'done', to: 'idv', gap_ms: 5, took_ms: 9 };
  assert.equal(eventWords(swap).title, 'Failed over to idv');
  assert.equal(eventWords({ ...swap, outcome: 'returned' }).title, 'Failover: The old agent stayed');
});

test('a call may be moved to other agents, and to every healthy instance but its own', () => {
  const place = (id, url, status = 'healthy') => ({ id, url, status, links: 0 });
  const known = [place('idv', 'ws://b'), place('idv', 'ws://a'), place('triage', 'ws://c'), place('triage', 'ws://d', 'draining')];
  const { agents, instances } = placesFor({ agent: 'idv', url: 'ws://a' }, known);
  assert.deepEqual(agents, ['triage']);
  assert.deepEqual(instances.map((instance) => instance.url), ['ws://b', 'ws://c']);
  assert.equal(placesFor(undefined, []).instances.length, 0);
});

test('a line says how high it goes', () => {
  const series = { step_s: 5, calls: [1200, 900], failed: [0, 10], added_p99_ms: [null, 0.2] };
  assert.deepEqual(['calls', 'failed', 'added_p99_ms', 'swapped'].map((name) => mostWords(name, series)), ['max 1,200', 'max 2.0', 'max 0.20', '']);
});
