// Sound as numbers, without any browser interface: down-sampling, framing, level, speech detection.

export const MICROPHONE_RATE = 16_000;
export const FRAME_SAMPLES = 682; // 42.6 ms at 16 kHz: the frame size that existing agents know

const TAPS_PER_SIDE = 8; // zero crossings of the low-pass kernel on each side

/** Streams floats at `inputRate` into floats at 16 kHz through a windowed-sinc low-pass; keeps its phase. */
export class Downsampler {
  #step;
  #reach;
  #history;
  #position;

  constructor(inputRate, outputRate = MICROPHONE_RATE) {
    this.#step = inputRate / outputRate;
    this.#reach = Math.ceil(TAPS_PER_SIDE * Math.max(1, this.#step));
    this.#history = new Float32Array(this.#reach);
    this.#position = this.#reach;
  }

  /** Takes the next input samples and gives the output samples that they complete. */
  push(input) {
    const samples = new Float32Array(this.#history.length + input.length);
    samples.set(this.#history);
    samples.set(input, this.#history.length);
    const count = Math.max(0, Math.ceil((samples.length - this.#reach - this.#position) / this.#step));
    const output = new Float32Array(count);
    for (let i = 0; i < count; i += 1) {
      output[i] = this.#at(samples, this.#position + i * this.#step);
    }
    this.#position += count * this.#step;
    const keepFrom = Math.max(0, Math.floor(this.#position) - this.#reach);
    this.#history = samples.slice(keepFrom);
    this.#position -= keepFrom;
    return output;
  }

  #at(samples, position) {
    const cutoff = Math.max(1, this.#step);
    const first = Math.max(0, Math.ceil(position - this.#reach));
    const last = Math.min(samples.length - 1, Math.floor(position + this.#reach));
    let sum = 0;
    let weight = 0;
    for (let i = first; i <= last; i += 1) {
      const w = kernel((i - position) / cutoff);
      sum += w * samples[i];
      weight += w;
    }
    return weight === 0 ? 0 : sum / weight;
  }
}

function kernel(x) {
  if (Math.abs(x) >= TAPS_PER_SIDE) {
    return 0;
  }
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / TAPS_PER_SIDE));
}

/** Cuts a stream of floats into PCM16 frames of equal length. */
export class Framer {
  #frame = new Int16Array(FRAME_SAMPLES);
  #filled = 0;

  /** Gives the frames that `floats` complete, each its own Int16Array. */
  push(floats) {
    const frames = [];
    for (const value of floats) {
      this.#frame[this.#filled] = toPcm16(value);
      this.#filled += 1;
      if (this.#filled === FRAME_SAMPLES) {
        frames.push(this.#frame);
        this.#frame = new Int16Array(FRAME_SAMPLES);
        this.#filled = 0;
      }
    }
    return frames;
  }

  /** The samples short of a frame, for the end of an utterance; null if there are none. */
  flush() {
    const rest = this.#filled > 0 ? this.#frame.slice(0, this.#filled) : null;
    this.#filled = 0;
    return rest;
  }
}

export function toPcm16(value) {
  const clipped = Math.max(-1, Math.min(1, value));
  return Math.round(clipped < 0 ? clipped * 32_768 : clipped * 32_767);
}

export function toFloats(samples) {
  const floats = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    floats[i] = samples[i] / 32_768;
  }
  return floats;
}

/** Root mean square of a PCM16 frame, 0 to 1. */
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) {
    sum += (sample / 32_768) ** 2;
  }
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length);
}

/** Level as a share of a meter that covers -50 dB to -6 dB, as ears hear it. */
export function meterOf(level) {
  const decibels = 20 * Math.log10(Math.max(level, 1e-5));
  return Math.max(0, Math.min(1, (decibels + 50) / 44));
}

const LOUD_FLOOR = 0.015; // about -36 dB: a voice at arm's length is well above, a quiet room below
const FRAMES_TO_START = 3; // 130 ms: a key click or a cough is shorter
const FRAMES_TO_END = 9; // 380 ms: a pause between words is shorter

/** Says from frame levels when the person speaks. States: 'quiet', 'speaking'. */
export class SpeechDetector {
  #floor = 0.004;
  #streak = 0;
  state = 'quiet';
  loud = false; // the latest frame

  /** Takes the level of one frame; gives 'started', 'ended' or null. */
  push(level) {
    const loud = level > Math.max(LOUD_FLOOR, this.#floor * 3);
    this.loud = loud;
    if (!loud) {
      this.#floor += (level - this.#floor) * 0.05; // follows the room slowly
    }
    const changing = loud === (this.state === 'quiet');
    this.#streak = changing ? this.#streak + 1 : 0;
    if (this.#streak < (this.state === 'quiet' ? FRAMES_TO_START : FRAMES_TO_END)) {
      return null;
    }
    this.#streak = 0;
    this.state = this.state === 'quiet' ? 'speaking' : 'quiet';
    return this.state === 'speaking' ? 'started' : 'ended';
  }
}
