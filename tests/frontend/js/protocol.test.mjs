import assert from 'node:assert/strict';
import test from 'node:test';
import * as protocol from '../../../frontend/page/protocol.js';

const read = (message) => protocol.parseText(JSON.stringify(message));
const bytes = (...values) => new Uint8Array(values).buffer;

test('connected carries session, token and whether it was resumed', () => {
  assert.deepEqual(read({ type: 'connected', sessionId: 's', resumeToken: 't', resumed: true, timestamp: 1 }), {
    kind: 'connected', sessionId: 's', resumeToken: 't', resumed: true, agent: '', seq: undefined, received: undefined,
  });
});

test('transcript is cleaned of tags', () => {
  const event = read({ type: 'transcript', role: 'assistant', text: '[STEP: a] Hello [SENTIMENT:0.4] there', isFinal: false, id: 'x' });
  assert.deepEqual(event, { kind: 'transcript', id: 'x', role: 'assistant', text: 'Hello there', final: false });
});

test('older field name of the text is understood', () => {
  assert.equal(read({ type: 'transcript', role: 'user', transcript: 'Hi' }).text, 'Hi');
});

for (const text of ['[System: moved]', '[SYSTEM] x', '  [SYSTEM: greet the user]', 'a [SYSTEM_INJECTION] b']) {
  test(`injected text is hidden: ${text}`, () => {
    assert.equal(read({ type: 'transcript', role: 'user', text }).kind, 'ignored');
  });
}

for (const broken of ['', '{', 'null', '[]', '3', '"x"', '{"type":3}', '{"type":"toString"}', '{"type":"__proto__"}',
  '{"type":"transcript"}', '{"type":"transcript","role":"root","text":"x"}', '{"type":"transcript","role":"user","text":{}}',
  '{"type":"handoff_event","target":5}', '{"type":"tool_use"}']) {
  test(`bad input is ignored: ${broken}`, () => {
    assert.equal(protocol.parseText(broken).kind, 'ignored');
  });
}

test('tool results say how it went', () => {
  assert.equal(read({ type: 'tool_use', toolName: 'a', toolUseId: '1' }).state, 'running');
  assert.equal(read({ type: 'tool_result', toolName: 'a', toolUseId: '1', success: true }).state, 'done');
  assert.equal(read({ type: 'tool_result', toolName: 'a', toolUseId: '1', success: false }).state, 'failed');
  assert.equal(read({ type: 'tool_error', toolName: 'a', toolUseId: '1', error: 'x' }).state, 'failed');
});

test('binary is little-endian audio, an odd end is padded', () => {
  const event = protocol.parseBinary(bytes(0x01, 0x00, 0xff, 0xff, 0x07));
  assert.equal(event.kind, 'audio');
  assert.deepEqual([...event.samples], [1, -1, 7]);
});

test('audio that starts with a brace is audio, a whole JSON message is not', () => {
  assert.equal(protocol.parseBinary(bytes(0x7b, 0x00, 0x01, 0x02)).kind, 'audio');
  assert.equal(protocol.parseBinary(new TextEncoder().encode('{"a":1}').buffer).kind, 'audio');
  assert.equal(protocol.parseBinary(new TextEncoder().encode('{"type":"interruption"}').buffer).kind, 'interruption');
  assert.equal(protocol.parseBinary(bytes(0x33, 0x33)).kind, 'audio');
});

test('outgoing messages have the fields of the protocol', () => {
  assert.deepEqual(JSON.parse(protocol.selectWorkflow('idv')), { type: 'select_workflow', workflowId: 'idv', interactionMode: 'chat_voice' });
  assert.deepEqual(JSON.parse(protocol.textInput('hi')), { type: 'text_input', text: 'hi' });
  assert.equal(JSON.parse(protocol.sessionConfig('amy')).config.voiceId, 'amy');
  assert.deepEqual(JSON.parse(protocol.endOfSpeech()), { type: 'end_of_speech' });
});

test('addresses', () => {
  assert.equal(protocol.socketUrl('ws://h:8080', ''), 'ws://h:8080/sonic');
  assert.equal(protocol.socketUrl('wss://h/base/', 'a b&c', 3), 'wss://h/base/sonic?resume=a+b%26c&seen=3');
  assert.equal(protocol.socketUrl('ws://h/sonic', ''), 'ws://h/sonic');
  assert.equal(protocol.restUrl('ws://h:8080/sonic'), 'http://h:8080');
  assert.equal(protocol.restUrl('wss://h/base/'), 'https://h/base');
});
