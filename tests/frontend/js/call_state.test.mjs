import assert from 'node:assert/strict';
import test from 'node:test';
import { describeAgent, workflowsFrom } from '../../../frontend/page/agents.js';
import { clock, NO_CALL, stepCall } from '../../../frontend/page/call_state.js';
import { errorWords, handoffWords, statusWords, toolWords } from '../../../frontend/page/words.js';

const play = (...events) => events.reduce(stepCall, NO_CALL);
const up = { type: 'connected', sessionId: 's1', agent: '', resumed: false, at: 1000 };

test('a persona choice is its agent', () => {
  assert.equal(play({ type: 'chosen', workflowId: 'persona-SimpleBanking' }).agent, 'banking');
});

test('hand-offs move the caller; the ancestor\'s literal target is triage', () => {
  assert.equal(play(up, { type: 'handoff', target: 'idv' }).agent, 'idv');
  assert.equal(play(up, { type: 'handoff', target: 'idv' }, { type: 'handoff', target: 'return_to_triage' }).agent, 'triage');
});

test('a resumed call stays with its agent and keeps its clock', () => {
  const call = play(up, { type: 'handoff', target: 'banking' }, { ...up, at: 9000 });
  assert.deepEqual([call.agent, call.startedAt], ['banking', 1000]);
});

test('a new session starts where the caller chose', () => {
  assert.equal(play(up, { type: 'handoff', target: 'banking' }, { ...up, sessionId: 's2' }).agent, 'triage');
});

test('reply time runs from the end of the words to the first sound', () => {
  const call = play(up, { type: 'heard', at: 2000 }, { type: 'heard', at: 2500 }, { type: 'reply', at: 3100 }, { type: 'reply', at: 3180 });
  assert.equal(call.latencyMs, 600);
});

test('the tail of the old turn is not a reply', () => {
  const call = play(up, { type: 'heard', at: 2000 }, { type: 'reply', at: 2050 }, { type: 'reply', at: 2900 });
  assert.equal(call.latencyMs, 900);
});

test('the caller is held while the agent is fetched back', () => {
  const held = play(up, { type: 'status', state: 'reconnecting', agent: 'banking' });
  assert.equal(held.holding, true);
  assert.equal(stepCall(held, { type: 'status', state: 'restored', agent: 'banking' }).holding, false);
});

test('the choice cannot change during a call', () => {
  assert.equal(play(up, { type: 'chosen', workflowId: 'idv' }).workflowId, 'triage');
});

test('clock', () => {
  assert.deepEqual([0, 61_000, 3_661_000].map(clock), ['0:00', '1:01', '1:01:01']);
});

test('choices of the gateway: triage first, junk left out, nothing usable is null', () => {
  const choices = workflowsFrom([{ id: 'idv', name: 'Identity' }, { id: 7 }, null, { id: 'triage' }]);
  assert.deepEqual(choices.map(({ id, name }) => [id, name]), [['triage', 'Triage'], ['idv', 'Identity']]);
  assert.equal(workflowsFrom([]), null);
  assert.equal(workflowsFrom({}), null);
});

test('an unknown agent has a readable name', () => {
  assert.equal(describeAgent('persona-sci_fi_bot').name, 'Sci fi bot');
  assert.equal(describeAgent('constructor').name, 'Constructor');
});

test('words', () => {
  assert.equal(handoffWords({ from: 'triage', to: 'idv' }), 'Triage handed you to Identity verification');
  assert.equal(toolWords({ name: 'transfer_to_idv', state: 'done' }), null);
  assert.equal(toolWords({ name: 'x___agentcore_balance', state: 'running' }), 'Looking up your balance');
  assert.equal(toolWords({ name: 'odd_tool', state: 'failed' }), 'Could not use odd tool');
  assert.match(errorWords({ message: 'No agents available. Please try again later.' }), /No agent is free/);
  assert.match(errorWords({ message: 'TypeError: x of undefined' }), /went wrong/);
  assert.equal(errorWords({ message: 'Your call is important to us.' }), 'Your call is important to us.');
  assert.equal(statusWords({ state: 'restored', agent: 'banking', message: '' }), 'You are back with Banking.');
});
