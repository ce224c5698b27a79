import assert from 'node:assert/strict';
import test from 'node:test';
import { Transcript } from '../../../frontend/page/transcript.js';

const line = (id, text, { final = true, role = 'assistant', agent = 'triage' } = {}) => ({ id, text, final, role, agent });
const texts = (transcript) => transcript.entries.map((entry) => entry.text);

function after(...messages) {
  const transcript = new Transcript();
  messages.forEach((message) => transcript.speech(message));
  return transcript;
}

test('interim updates of one id are one line', () => {
  const transcript = after(line('a', 'Hel', { final: false }), line('a', 'Hello the', { final: false }), line('a', 'Hello there.'));
  assert.deepEqual(texts(transcript), ['Hello there.']);
  assert.equal(transcript.entries[0].final, true);
});

test('an interim update that comes after its final changes nothing', () => {
  assert.deepEqual(texts(after(line('a', 'Hello there.'), line('a', 'Hel', { final: false }))), ['Hello there.']);
});

test('an exact repeat, or the same final under another id, is shown once', () => {
  assert.deepEqual(texts(after(line('a', 'Hi.'), line('a', 'Hi.'), line('b', 'Hi.'))), ['Hi.']);
});

test('the same answer in a later turn is a new line', () => {
  const yes = { role: 'user' };
  assert.deepEqual(texts(after(line('u1', 'yes', yes), line('a', 'Sure?'), line('u2', 'yes', yes))), ['yes', 'Sure?', 'yes']);
});

test('an id used again in a later turn is a new line', () => {
  const transcript = after(line('1', 'Hello.'), line('u', 'hi', { role: 'user' }), line('1', 'Next turn'));
  assert.deepEqual(texts(transcript), ['Hello.', 'hi', 'Next turn']);
});

test('the same id from another agent is a new line', () => {
  assert.deepEqual(texts(after(line('1', 'Hel', { final: false }), line('1', 'Good', { agent: 'idv' }))), ['Hel', 'Good']);
});

test('without ids an open line of the same speaker continues', () => {
  const open = { final: false };
  assert.deepEqual(texts(after(line('', 'He', open), line('', 'Hello'), line('', 'Next', open))), ['Hello', 'Next']);
});

test('a typed line is shown at once and its echo merges into it', () => {
  const transcript = new Transcript();
  transcript.typed('my  balance');
  transcript.speech(line('u9', 'My balance', { role: 'user' }));
  transcript.speech(line('u9', 'My balance', { role: 'user', agent: 'idv' }));
  assert.equal(transcript.entries.length, 1);
  assert.equal(transcript.entries[0].pending, false);
});

test('two equal typed lines take one echo each', () => {
  const transcript = new Transcript();
  transcript.typed('yes');
  transcript.typed('yes');
  transcript.speech(line('1', 'yes', { role: 'user' }));
  assert.deepEqual(transcript.entries.map((entry) => entry.pending), [false, true]);
});

test('a tool call and its result are one line', () => {
  const transcript = new Transcript();
  transcript.tool({ id: '1', name: 'x', state: 'running', agent: 'banking' });
  transcript.tool({ id: '1', name: 'x', state: 'done', agent: 'banking' });
  assert.deepEqual(transcript.entries.map((entry) => entry.state), ['done']);
  transcript.tool({ id: '1', name: 'x', state: 'running', agent: 'banking' });
  assert.equal(transcript.entries.length, 2);
});

test('a notice is not repeated, and the list is bounded', () => {
  const transcript = new Transcript();
  transcript.notice('info', 'same');
  assert.equal(transcript.notice('info', 'same'), null);
  for (let i = 0; i < 700; i += 1) {
    transcript.notice('info', `n${i}`);
  }
  assert.equal(transcript.entries.length, 500);
  assert.equal(transcript.entries.at(-1).text, 'n699');
});
