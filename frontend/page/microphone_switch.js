// The microphone button's state machine: off -> opening -> on -> off.

import { levelOf, SpeechDetector } from './pcm.js';

export class MicrophoneSwitch {
  #state = { name: 'off' };
  #open;
  #on;

  /** `open(onFrame)` opens the device; `on` gets change(), frame(samples, level), speech('started'|'ended'), failed(error), stopped(). */
  constructor({ open, on }) {
    this.#open = open;
    this.#on = on;
  }

  get name() {
    return this.#state.name;
  }

  get isSpeaking() {
    return this.#state.name === 'on' && this.#state.detector.state === 'speaking';
  }

  /** True while words are coming in: unlike isSpeaking it ends with the last word, not after the pause. */
  get hearsWords() {
    return this.isSpeaking && this.#state.detector.loud;
  }

  get level() {
    return this.#state.name === 'on' ? this.#state.level : 0;
  }

  toggle() {
    if (this.#state.name === 'off') {
      this.#start();
    } else {
      this.stop();
    }
  }

  /** Releases the device; `stopped` is told if words had been sent. */
  stop() {
    const previous = this.#state;
    if (previous.name === 'off') {
      return;
    }
    previous.capture?.stop();
    this.#state = { name: 'off' };
    if (previous.name === 'on') {
      this.#on.stopped();
    }
    this.#on.change();
  }

  async #start() {
    const opening = { name: 'opening' };
    this.#state = opening;
    this.#on.change();
    const on = { name: 'on', capture: null, level: 0, detector: new SpeechDetector() };
    try {
      on.capture = await this.#open((samples) => this.#take(on, samples));
    } catch (error) {
      if (this.#state === opening) {
        this.#state = { name: 'off' };
        this.#on.failed(error);
        this.#on.change();
      }
      return;
    }
    if (this.#state !== opening) {
      on.capture.stop(); // switched off while the browser was asking
      return;
    }
    this.#state = on;
    on.capture.whenLost(() => this.#state === on && this.stop());
    this.#on.change();
  }

  #take(on, samples) {
    if (this.#state !== on) {
      return;
    }
    on.level = levelOf(samples);
    const speech = on.detector.push(on.level);
    this.#on.frame(samples, on.level);
    if (speech) {
      this.#on.speech(speech);
    }
  }
}
