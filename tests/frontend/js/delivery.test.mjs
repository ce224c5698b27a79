import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Delivery } from '../../../frontend/page/delivery.js';

function after(...lines) {
  const delivery = new Delivery();
  delivery.connected({ resumed: false });
  lines.forEach((line) => delivery.sent(line));
  return delivery;
}

test('what the service has not taken is sent again, once', () => {
  const delivery = after('a', 'b', 'c');
  assert.deepEqual(delivery.connected({ resumed: true, seq: 4, received: 1 }), ['b', 'c']);
  delivery.sent('b');
  delivery.sent('c');
  assert.deepEqual(delivery.connected({ resumed: true, seq: 4, received: 3 }), []);
});

test('another gateway does not know the count: what was told before the close holds', () => {
  const delivery = after('a', 'b');
  delivery.taken(1);
  assert.deepEqual(delivery.connected({ resumed: true }), ['b']);
});

test('where no count is known, what was answered is not said again', () => {
  const delivery = after('a');
  delivery.answered();
  delivery.sent('b');
  assert.deepEqual(delivery.connected({ resumed: true }), ['b']);
  delivery.sent('b');
  assert.deepEqual(delivery.connected({ resumed: true }), ['b'], 'the count began anew');
});

test('a known count beats an answer', () => {
  const delivery = after('a', 'b');
  delivery.answered();
  assert.deepEqual(delivery.connected({ resumed: true, received: 1 }), ['b']);
});

test('a new conversation begins with nothing', () => {
  assert.deepEqual(after('a').connected({ resumed: false }), []);
});

test('what came is counted from where the service says', () => {
  const delivery = after();
  delivery.came();
  delivery.came();
  assert.equal(delivery.seen, 2);
  delivery.connected({ resumed: true, seq: 1, received: 0 });
  delivery.came();
  assert.equal(delivery.seen, 2);
});

test('no more than some lines are kept', () => {
  const lines = Array.from({ length: 40 }, (_, index) => String(index));
  assert.deepEqual(after(...lines).connected({ resumed: true, received: 0 }), lines.slice(8));
});
