// The live stream: Server-Sent Events read with fetch(), because EventSource cannot send the bearer token.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** Split a text that grows into whole events; gives [kind, data] pairs. */
export class EventReader {
  #rest = '';

  take(text) {
    const parts = (this.#rest + text).split('\n\n');
    this.#rest = parts.pop();
    return parts.map(readEvent).filter((event) => event !== null);
  }
}

function readEvent(block) {
  let kind = 'message';
  const data = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) {
      kind = line.slice(7);
    } else if (line.startsWith('data: ')) {
      data.push(line.slice(6));
    }
  }
  return data.length ? [kind, JSON.parse(data.join('\n'))] : null;
}

/** How long to wait before attempt number `attempt`, from 1; `chance` is in [0, 1). */
export function waitBefore(attempt, chance) {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (0.75 + chance / 2);
}

/** Stays connected until stopped. Calls `onEvent(kind, data)` and `onState(state, words)`. */
export class Stream {
  #abort = null;
  #attempt = 0;
  #timer = 0;

  constructor({ api, onEvent, onState }) {
    this.api = api;
    this.onEvent = onEvent;
    this.onState = onState;
  }

  start() {
    this.stop();
    this.#run();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = null;
  }

  async #run() {
    const abort = (this.#abort = new AbortController());
    this.onState(this.#attempt ? 'again' : 'connecting');
    try {
      const response = await this.api.open('/admin/live', abort.signal);
      await this.#read(response.body.pipeThrough(new TextDecoderStream()).getReader(), abort);
    } catch (error) {
      if (abort.signal.aborted) {
        return;
      }
      if (error.status === 401 || error.status === 403) {
        this.onState('refused', error.message, error.status);
        return;
      }
    }
    if (!abort.signal.aborted) {
      this.#attempt += 1;
      this.onState('again');
      this.#timer = setTimeout(() => this.#run(), waitBefore(this.#attempt, Math.random()));
    }
  }

  async #read(reader, abort) {
    const events = new EventReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || abort.signal.aborted) {
        return;
      }
      for (const [kind, data] of events.take(value)) {
        if (kind === 'snapshot') {
          this.#attempt = 0;
          this.onState('live');
        }
        this.onEvent(kind, data);
      }
    }
  }
}
