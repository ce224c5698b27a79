// The token that lets a caller back into the same call: after a lost connection, or a reload of this tab.

const KEY = 'understudy.resume';
const VALID_MS = 120_000; // no gateway keeps a call longer than this without its caller

export class ResumeToken {
  #storage;
  #token = '';

  constructor(storage, now) {
    this.#storage = storage;
    this.#token = load(storage, now);
  }

  get value() {
    return this.#token;
  }

  /** Keeps `token`, also across a reload. */
  keep(token, now) {
    this.#token = token;
    guarded(() => this.#storage.setItem(KEY, JSON.stringify({ token, at: now })));
  }

  forget() {
    this.#token = '';
    guarded(() => this.#storage.removeItem(KEY));
  }
}

function load(storage, now) {
  const kept = guarded(() => JSON.parse(storage.getItem(KEY) ?? 'null'));
  const valid = typeof kept?.token === 'string' && now - kept.at < VALID_MS;
  return valid ? kept.token : '';
}

// Storage may be switched off or full; the token then lives as long as the page.
function guarded(action) {
  try {
    return action();
  } catch {
    return null;
  }
}
