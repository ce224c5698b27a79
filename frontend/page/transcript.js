// The transcript as data: a bounded list of entries and the rules by which updates merge into it.
//
// entry: {key, kind: 'speech', role, agent, id, text, final, pending}
//        {key, kind: 'handoff', from, to}   {key, kind: 'tool', id, name, agent, state}
//        {key, kind: 'notice', level, text}

const MAX_ENTRIES = 500; // the oldest go first; a call of an hour has some 300
const ECHO_WITHIN = 8; // entries back from the end in which a typed line may still find its echo

export class Transcript {
  #entries = [];
  #nextKey = 1;

  get entries() {
    return this.#entries;
  }

  clear() {
    this.#entries = [];
  }

  /** Merges one transcript message; gives the entry that changed or was added, null if nothing did. */
  speech({ id, role, text, final, agent: speaker }) {
    const agent = role === 'assistant' ? speaker : '';
    const echoed = role === 'user' ? this.#pendingLike(text) : undefined;
    if (echoed) {
      return Object.assign(echoed, { id, final: true, pending: false });
    }
    const open = this.#turnOf(id, role, agent);
    if (open) {
      return this.#update(open, text, final);
    }
    const last = this.#lastSpeech();
    if (final && last?.final && last.role === role && last.agent === agent && same(last.text, text)) {
      return null; // a final that comes twice under two ids
    }
    return this.#add({ kind: 'speech', role, agent, id, text, final, pending: false });
  }

  /** Shows what the person typed at once; the echo from the service is merged into it. */
  typed(text) {
    return this.#add({ kind: 'speech', role: 'user', agent: '', id: '', text, final: true, pending: true });
  }

  handoff(from, to) {
    return this.#add({ kind: 'handoff', from, to });
  }

  /** One line per tool call; its result updates the line. */
  tool({ id, name, state, agent }) {
    const line = this.#entries.findLast((entry) => entry.kind === 'tool' && entry.id === id && entry.name === name);
    if (line && (line.state === 'running' || state !== 'running')) {
      line.state = state;
      return line;
    }
    return this.#add({ kind: 'tool', id, name, agent, state });
  }

  /** A line from the page itself; the same notice twice in a row is one. */
  notice(level, text) {
    const last = this.#entries.at(-1);
    if (last?.kind === 'notice' && last.text === text) {
      return null;
    }
    return this.#add({ kind: 'notice', level, text });
  }

  // An id may be used again in a later turn (old agents count from one), so only the latest line of that speaker
  // can still be updated once it was final. Messages without an id continue the last line if it is still open.
  #turnOf(id, role, agent) {
    const last = this.#lastSpeech();
    if (!id) {
      return last && last.role === role && !last.final && last.agent === agent ? last : undefined;
    }
    const known = this.#entries.findLast(
      (entry) => entry.kind === 'speech' && entry.id === id && entry.role === role && entry.agent === agent,
    );
    return known && (!known.final || known === last) ? known : undefined;
  }

  #update(entry, text, final) {
    if (entry.final && (!final || entry.text === text)) {
      return null; // an interim update that comes after its final, or an exact repeat
    }
    return Object.assign(entry, { text, final: final || entry.final });
  }

  #pendingLike(text) {
    return this.#entries
      .slice(-ECHO_WITHIN)
      .find((entry) => entry.kind === 'speech' && entry.pending && same(entry.text, text));
  }

  #lastSpeech() {
    return this.#entries.findLast((entry) => entry.kind === 'speech');
  }

  #add(entry) {
    const added = { key: this.#nextKey, ...entry };
    this.#nextKey += 1;
    this.#entries.push(added);
    if (this.#entries.length > MAX_ENTRIES) {
      this.#entries.shift();
    }
    return added;
  }
}

function same(a, b) {
  return normal(a) === normal(b);
}

function normal(text) {
  return text.replace(/\s+/g, ' ').trim().toLowerCase();
}
