import assert from 'node:assert/strict';
import test from 'node:test';
import { delayBefore, IDLE, MAX_ATTEMPTS, STABLE_MS, step } from '../../../frontend/page/connection_machine.js';

function play(events, { random = 0.5 } = {}) {
  let state = IDLE;
  const effects = [];
  for (const { at = 0, ...event } of events) {
    const generation = event.generation ?? state.generation;
    const result = step(state, { ...event, generation }, { now: at, random });
    state = result.state;
    effects.push(...result.effects);
  }
  return { state, did: effects.map((effect) => effect.do) };
}

const UP = [{ type: 'connect' }, { type: 'opened', at: 0 }];
const closed = (code, at = 0) => ({ type: 'closed', code, reason: '', at });

test('twenty clicks dial once', () => {
  const { did } = play(Array.from({ length: 20 }, () => ({ type: 'connect' })));
  assert.deepEqual(did, ['dial', 'timer']);
});

for (const [code, name] of [[1000, 'closed'], [1001, 'waiting'], [1005, 'waiting'], [1006, 'waiting'], [1008, 'closed'],
  [1009, 'closed'], [1011, 'waiting'], [1012, 'waiting'], [1013, 'waiting'], [4000, 'closed'], [4400, 'closed'],
  [4499, 'closed'], [4500, 'waiting'], [4503, 'waiting'], [4899, 'waiting'], [4900, 'closed']]) {
  test(`close code ${code} leads to ${name}, in words`, () => {
    const { state } = play([...UP, closed(code)]);
    assert.equal(state.name, name);
    assert.match(state.why.words, /\.$/);
  });
}

test('a temporary end waits, dials again, and is a new generation', () => {
  const { state, did } = play([...UP, closed(1006), { type: 'timer' }]);
  assert.equal(state.name, 'connecting');
  assert.equal(state.generation, 2);
  assert.deepEqual(did, ['dial', 'timer', 'timer', 'dial', 'timer']);
});

test('events of an older socket have no effect', () => {
  const { state } = play([...UP, closed(1006), { type: 'timer' }, { type: 'closed', code: 1000, generation: 1 },
    { type: 'opened', generation: 1 }]);
  assert.equal(state.name, 'connecting');
  assert.equal(state.generation, 2);
});

test('hanging up while waiting ends the waiting for good', () => {
  const { state } = play([...UP, closed(1006), { type: 'hang_up' }, { type: 'timer', generation: 1 }]);
  assert.equal(state.name, 'idle');
});

test('hanging up closes what is open', () => {
  assert.deepEqual(play([...UP, { type: 'hang_up' }]).did, ['dial', 'timer', 'close']);
});

test('a dial that nobody answers is abandoned', () => {
  const { state, did } = play([{ type: 'connect' }, { type: 'timer', at: 10_000 }]);
  assert.equal(state.name, 'waiting');
  assert.ok(did.includes('close'));
});

test('a silent connection is left', () => {
  const { state, did } = play([...UP, { type: 'silent' }]);
  assert.equal(state.name, 'waiting');
  assert.ok(did.includes('close'));
});

test('the network being back shortens the wait', () => {
  assert.equal(play([...UP, closed(1006), { type: 'online' }]).state.name, 'connecting');
});

test('only a stable connection earns a fresh backoff', () => {
  const young = play([...UP, closed(1006, 10), { type: 'timer' }, { type: 'opened', at: 20 }, closed(1006, 30)]);
  assert.equal(young.state.attempt, 2);
  const stable = play([...UP, closed(1006, 10), { type: 'timer' }, { type: 'opened', at: 20 }, closed(1006, 20 + STABLE_MS)]);
  assert.equal(stable.state.attempt, 1);
});

test('reconnecting is given up after its bound', () => {
  const tries = Array.from({ length: MAX_ATTEMPTS }, () => [{ type: 'timer' }, closed(1006)]).flat();
  const { state } = play([{ type: 'connect' }, closed(1006), ...tries]);
  assert.equal(state.name, 'closed');
  assert.equal(play([{ type: 'connect' }, closed(1006), ...tries.slice(0, -2)]).state.name, 'waiting');
});

test('delays double, are spread, and are capped', () => {
  assert.equal(delayBefore(1, false, 0.999), 400);
  assert.equal(delayBefore(1, false, 0), 200);
  assert.equal(delayBefore(2, false, 0), 400);
  assert.equal(delayBefore(1, true, 0), 1500);
  assert.equal(delayBefore(12, false, 0), 7500);
});
