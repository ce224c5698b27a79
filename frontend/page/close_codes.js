// What a WebSocket close code means to the person on the call, and whether to dial again.
// Our own codes: 4500-4899 say "temporary, dial again"; 4400-4499 say "final".

const TABLE = new Map([
  [1000, { reconnect: false, words: 'The call has ended.' }],
  [1001, { reconnect: true, words: 'The service is moving your call.' }],
  [1002, { reconnect: false, words: 'This page and the service do not understand each other. Reload the page.' }],
  [1003, { reconnect: false, words: 'The service could not read what this page sent. Reload the page.' }],
  [1005, { reconnect: true, words: 'The connection was closed.' }],
  [1006, { reconnect: true, words: 'The connection was lost.' }],
  [1007, { reconnect: false, words: 'The service could not read what this page sent. Reload the page.' }],
  [1008, { reconnect: false, words: 'The service did not accept this call.' }],
  [1009, { reconnect: false, words: 'A message was too long for the service. Please send shorter messages.' }],
  [1011, { reconnect: true, words: 'Something went wrong at our end.' }],
  [1012, { reconnect: true, words: 'The service is restarting.' }],
  [1013, { reconnect: true, words: 'All lines are busy.', slow: true }],
  [1014, { reconnect: true, words: 'The service cannot be reached.' }],
  [4503, { reconnect: true, words: 'No agent is available at the moment.', slow: true }],
]);

const RANGES = [
  { from: 4000, to: 4399, verdict: { reconnect: false, words: 'The service ended the call.' } },
  { from: 4400, to: 4499, verdict: { reconnect: false, words: 'The service did not accept this call.' } },
  { from: 4500, to: 4899, verdict: { reconnect: true, words: 'The service is not available at the moment.' } },
  { from: 4900, to: 4999, verdict: { reconnect: false, words: 'The service ended the call.' } },
];

const UNKNOWN = { reconnect: true, words: 'The connection was closed.' };

/** The verdict on `code`: {reconnect, words, slow}; `slow` asks for a longer first pause. */
export function verdictOn(code) {
  const verdict =
    TABLE.get(code) ?? RANGES.find((range) => range.from <= code && code <= range.to)?.verdict ?? UNKNOWN;
  return { slow: false, ...verdict };
}
