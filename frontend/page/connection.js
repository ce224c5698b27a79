// The WebSocket to the gateway: performs what connection_machine.js decides.

import { IDLE, step } from './connection_machine.js';

const PING_EVERY_MS = 15_000; // under the 30-60 s after which home routers forget an idle connection
const PONG_WITHIN_MS = 10_000;
const CALLER_HUNG_UP = 1000;

export class Connection {
  #state = IDLE;
  #socket = null;
  #timer = null;
  #pulse = null;
  #heardAt = 0;
  #pingedAt = 0;
  #url;
  #on;

  /**
   * `url()` gives the address for the next dial; `on` gets state(state, previous), opened(), text(string),
   * binary(ArrayBuffer). `makePing()` gives the keepalive frame.
   */
  constructor({ url, on, makePing }) {
    this.#url = url;
    this.#on = on;
    this.makePing = makePing;
    globalThis.addEventListener?.('online', () => this.#feed({ type: 'online' }));
  }

  get state() {
    return this.#state;
  }

  get isOpen() {
    return this.#state.name === 'open' && this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    this.#feed({ type: 'connect' });
  }

  hangUp() {
    this.#feed({ type: 'hang_up' });
  }

  reconnectNow() {
    this.#feed({ type: 'online' });
  }

  /** Sends text or bytes; false if there is no open connection (nothing is queued here). */
  send(data) {
    if (!this.isOpen) {
      return false;
    }
    this.#socket.send(data);
    return true;
  }

  /** Bytes accepted by send() that the network has not taken yet. */
  get bufferedBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  #feed(event) {
    const previous = this.#state;
    const { state, effects } = step(previous, event, { now: Date.now(), random: Math.random() });
    if (state === previous) {
      return;
    }
    this.#state = state;
    clearTimeout(this.#timer);
    for (const effect of effects) {
      this.#perform(effect);
    }
    if (state.name === 'open') {
      this.#startPulse(state.generation);
    } else {
      clearInterval(this.#pulse);
    }
    this.#on.state(state, previous);
    if (event.type === 'opened') {
      this.#on.opened();
    }
  }

  #perform(effect) {
    switch (effect.do) {
      case 'dial':
        this.#dial(effect.generation);
        break;
      case 'close':
        this.#socket?.close(CALLER_HUNG_UP);
        break;
      case 'timer':
        this.#timer = setTimeout(() => this.#feed({ type: 'timer', generation: effect.generation }), effect.ms);
        break;
      default:
        throw new Error(`unknown effect ${effect.do}`);
    }
  }

  #dial(generation) {
    const socket = new WebSocket(this.#url());
    socket.binaryType = 'arraybuffer';
    const isCurrent = () => generation === this.#state.generation;
    socket.onopen = () => this.#feed({ type: 'opened', generation });
    socket.onclose = ({ code, reason }) => this.#feed({ type: 'closed', generation, code, reason });
    socket.onmessage = ({ data }) => {
      if (isCurrent()) {
        this.#heardAt = performance.now();
        this.#on[typeof data === 'string' ? 'text' : 'binary'](data);
      }
    };
    this.#socket = socket;
  }

  // A network that vanishes closes no socket. Only a ping that stays unanswered counts as silence: a timer that
  // the browser slowed down, or a laptop that slept, sends a fresh ping first.
  #startPulse(generation) {
    this.#pingedAt = 0;
    clearInterval(this.#pulse);
    this.#pulse = setInterval(() => {
      const now = performance.now();
      const unanswered = this.#pingedAt > 0 && this.#heardAt < this.#pingedAt;
      if (!unanswered) {
        this.#pingedAt = now;
        this.send(this.makePing());
      } else if (now - this.#pingedAt > PONG_WITHIN_MS) {
        this.#feed({ type: 'silent', generation });
      }
    }, PING_EVERY_MS);
  }
}
