import assert from 'node:assert/strict';
import test from 'node:test';
import { Downsampler, FRAME_SAMPLES, Framer, levelOf, meterOf, SpeechDetector, toPcm16 } from '../../../frontend/page/pcm.js';

const sine = (hertz, rate, seconds) =>
  Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));

function resample(input, rate, block) {
  const downsampler = new Downsampler(rate);
  const output = [];
  for (let i = 0; i < input.length; i += block) {
    output.push(...downsampler.push(input.subarray(i, i + block)));
  }
  return output;
}

const rms = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

for (const rate of [48_000, 44_100, 96_000, 16_000]) {
  test(`${rate} Hz becomes 16 kHz: length, loudness and pitch stay`, () => {
    const output = resample(sine(440, rate, 1), rate, 1024);
    assert.ok(Math.abs(output.length - 16_000) <= 16, `${output.length}`);
    assert.ok(Math.abs(rms(output) - 0.5 / Math.SQRT2) < 0.005, `${rms(output)}`);
    const crossings = output.filter((value, i) => i > 0 && output[i - 1] < 0 && value >= 0).length;
    assert.ok(Math.abs(crossings - 440) <= 2, `${crossings}`);
  });
}

test('what 16 kHz cannot carry is removed instead of folded into speech', () => {
  assert.ok(rms(resample(sine(14_000, 48_000, 1), 48_000, 1024).slice(50)) < 0.01);
});

test('the size of the blocks does not change the result', () => {
  const input = sine(700, 44_100, 0.5);
  const whole = resample(input, 44_100, input.length);
  for (const block of [128, 1000, 1024]) {
    const parts = resample(input, 44_100, block);
    assert.ok(Math.abs(parts.length - whole.length) <= 1);
    parts.slice(0, whole.length).forEach((value, i) => assert.ok(Math.abs(value - (whole[i] ?? value)) < 1e-4));
  }
});

test('frames have 43 ms, the rest comes at the end', () => {
  const framer = new Framer();
  const frames = framer.push(new Float32Array(FRAME_SAMPLES * 2 + 5).fill(0.5));
  assert.deepEqual(frames.map((frame) => frame.byteLength), [1364, 1364]);
  assert.equal(framer.flush().length, 5);
  assert.equal(framer.flush(), null);
});

test('samples are clipped, not wrapped', () => {
  assert.deepEqual([2, 1, 0, -1, -2].map(toPcm16), [32_767, 32_767, 0, -32_768, -32_768]);
});

test('level and meter', () => {
  assert.equal(levelOf(new Int16Array(10)), 0);
  assert.ok(Math.abs(levelOf(new Int16Array(10).fill(16_384)) - 0.5) < 1e-6);
  assert.deepEqual([meterOf(0), meterOf(1)], [0, 1]);
});

test('speech starts after three loud frames, ends after nine quiet ones; a click is neither', () => {
  const detector = new SpeechDetector();
  const hear = (...levels) => levels.map((level) => detector.push(level)).filter(Boolean);
  assert.deepEqual(hear(0.001, 0.3, 0.3, 0.001, 0.001), []);
  assert.deepEqual(hear(0.2, 0.2, 0.2, 0.2), ['started']);
  assert.deepEqual(hear(...Array(8).fill(0.001), 0.2), []);
  assert.deepEqual(hear(...Array(9).fill(0.001)), ['ended']);
});

test('a noisy room raises the threshold', () => {
  const detector = new SpeechDetector();
  for (let i = 0; i < 200; i += 1) {
    assert.equal(detector.push(0.014), null);
  }
  assert.deepEqual([0.03, 0.03, 0.03, 0.03].map((level) => detector.push(level)), [null, null, null, null]);
});
