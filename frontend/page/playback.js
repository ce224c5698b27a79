// The agent's voice: 24 kHz PCM16 frames queued back to back on the audio clock.

import { toFloats } from './pcm.js';

export const PLAYBACK_RATE = 24_000;
const LEAD_S = 0.08; // one usual frame: what the network may be late without a gap
const MAX_QUEUED_S = 120; // an agent that sends faster than it speaks; beyond this the newest is dropped
const FADE_S = 0.012; // silence without a click

export class Playback {
  #context = null;
  #output = null;
  #meter = null;
  #bins = null;
  #tail = 0;
  #sources = new Set();
  #onSpeaking;
  #makeContext;
  dropped = 0;

  /** `onSpeaking(true | false)` follows what can be heard, not what has arrived. */
  constructor({ onSpeaking, makeContext = () => new AudioContext({ sampleRate: PLAYBACK_RATE }) }) {
    this.#onSpeaking = onSpeaking;
    this.#makeContext = makeContext;
  }

  /** To be called from a click: browsers start sound only then. */
  async unlock() {
    this.#context ??= this.#makeContext();
    if (this.#context.state === 'suspended') {
      await this.#context.resume();
    }
  }

  get isSpeaking() {
    return this.#sources.size > 0;
  }

  /** Queues one frame directly behind the one before. */
  play(samples) {
    if (!this.#context || samples.length === 0) {
      return;
    }
    const now = this.#context.currentTime;
    if (this.#tail - now > MAX_QUEUED_S) {
      this.dropped += 1;
      return;
    }
    const buffer = this.#context.createBuffer(1, samples.length, PLAYBACK_RATE);
    buffer.copyToChannel(toFloats(samples), 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#ensureOutput());
    const startAt = this.#tail > now ? this.#tail : now + LEAD_S;
    source.start(startAt);
    this.#tail = startAt + buffer.duration;
    this.#track(source);
  }

  /** Stops at once and forgets what is queued: somebody else is speaking. */
  clear() {
    this.#tail = 0;
    if (this.#sources.size === 0) {
      return;
    }
    const now = this.#context.currentTime;
    this.#output.gain.setValueAtTime(1, now);
    this.#output.gain.linearRampToValueAtTime(0, now + FADE_S);
    this.#output = null; // what comes next gets a fresh output, so the fade cannot touch it
    for (const source of this.#sources) {
      source.onended = null;
      source.stop(now + FADE_S);
    }
    this.#sources.clear();
    this.#onSpeaking(false);
  }

  /** How loud the agent is at this moment, 0 to 1. */
  level() {
    if (!this.#meter || this.#sources.size === 0) {
      return 0;
    }
    this.#meter.getFloatTimeDomainData(this.#bins);
    return Math.sqrt(this.#bins.reduce((sum, value) => sum + value * value, 0) / this.#bins.length);
  }

  #ensureOutput() {
    if (!this.#meter) {
      this.#meter = this.#context.createAnalyser();
      this.#meter.fftSize = 512;
      this.#bins = new Float32Array(this.#meter.fftSize);
      this.#meter.connect(this.#context.destination);
    }
    if (!this.#output) {
      this.#output = this.#context.createGain();
      this.#output.connect(this.#meter);
    }
    return this.#output;
  }

  #track(source) {
    const wasSilent = this.#sources.size === 0;
    this.#sources.add(source);
    source.onended = () => {
      source.disconnect();
      this.#sources.delete(source);
      if (this.#sources.size === 0) {
        this.#onSpeaking(false);
      }
    };
    if (wasSilent) {
      this.#onSpeaking(true);
    }
  }
}
