// What the stream has told so far, and what the tree shows of it. Pure: no page, no clock.

export const SESSIONS = 'node/sessions';
const RECENTLY_MS = 5 * 60_000;
const JUST_NOW_MS = 60_000;
const DEEP_MAILBOX = 20;
const MAX_EVENTS = 200;
const NO_AGENT = new Set(['picking', 'dialling', 'backing_off', 'closing', 'cutting_over', 'returning']);
const BEING_BUILT = new Set(['dialling', 'initialising', 'starting', 'swapping']);
const NOT_SERVED = new Set(['waiting', 'ending', 'ended', 'closing', 'stopping']);

/** From the worst to the best. */
export const HEALTH = ['failing', 'troubled', 'changing', 'away', 'idle', 'well'];

export class Model {
  constructor() {
    this.clear();
  }

  clear() {
    this.actors = new Map();
    this.links = new Map(); // session path -> set of link paths
    this.agents = [];
    this.totals = {};
    this.series = {};
    this.events = [];
    this.skew = 0;
  }

  /** Take one event of the stream; `now` is this machine's clock. */
  take(kind, data, now) {
    if (kind === 'event') {
      this.#remember(data);
      return;
    }
    if (kind === 'snapshot') {
      this.clear();
      this.events = data.recent ?? [];
      this.series = data.series ?? {};
    }
    this.skew = data.at - now;
    for (const [path, fields] of Object.entries(data.actors ?? {})) {
      this.#update(path, fields);
    }
    for (const path of data.gone ?? []) {
      this.#remove(path);
    }
    this.agents = data.agents ?? this.agents;
    this.totals = data.totals ?? this.totals;
    if (kind === 'delta' && data.point) {
      this.#extend(data.point);
    }
  }

  /** The calls, in the order in which they came. */
  *sessions() {
    for (const row of this.actors.values()) {
      if (row.kind === 'session') {
        yield row;
      }
    }
  }

  /** Whether actors may be killed here. */
  get chaos() {
    return this.totals.chaos === true;
  }

  session(id) {
    return this.actors.get(`${SESSIONS}/${id}`);
  }

  #update(path, fields) {
    const row = this.actors.get(path);
    if (row) {
      Object.assign(row, fields);
      return;
    }
    const parts = path.split('/');
    this.actors.set(path, { path, name: parts.at(-1), depth: parts.length - 1, ...fields });
    if (parts.length === 4) {
      const parent = parts.slice(0, 3).join('/');
      this.links.set(parent, (this.links.get(parent) ?? new Set()).add(path));
    }
  }

  #remove(path) {
    this.actors.delete(path);
    this.links.delete(path);
    this.links.get(path.slice(0, path.lastIndexOf('/')))?.delete(path);
  }

  #remember(event) {
    this.events.push(event);
    if (this.events.length > MAX_EVENTS) {
      this.events.shift();
    }
  }

  #extend({ look, ...point }) {
    if (look <= this.series.look) {
      return; // the series has it
    }
    this.series.look = look;
    for (const [name, value] of Object.entries(point)) {
      const values = (this.series[name] ??= []);
      values.push(value);
      if (values.length > (this.series.points ?? 180)) {
        values.shift();
      }
    }
  }
}

/** How an actor is, in one word of HEALTH; `now` is the gateway's clock. */
export function healthOf(row, now) {
  if (row.restarts_left === 0 || row.state === 'unresponsive') {
    return 'failing';
  }
  const lost = row.lost ?? row.restarted;
  const session = row.kind === 'session';
  if ((session && NO_AGENT.has(row.state)) || row.mailbox > DEEP_MAILBOX) {
    return 'troubled';
  }
  if (row.state === 'parked') {
    return 'away';
  }
  if (BEING_BUILT.has(row.state) || (lost && now - lost < JUST_NOW_MS)) {
    return 'changing';
  }
  return NOT_SERVED.has(row.state) ? 'idle' : 'well';
}

export const NO_FILTER = { text: '', agent: '', state: '', restarted: false };

export function isFiltered(filter) {
  return Boolean(filter.text.trim() || filter.agent || filter.state || filter.restarted);
}

/** Whether a call is what somebody looks for. `state` is a health or a state; each word of `text` must be found. */
export function matches(row, filter, now) {
  if (filter.restarted && !(row.lost && now - row.lost < RECENTLY_MS)) {
    return false;
  }
  if (filter.agent && row.agent !== filter.agent) {
    return false;
  }
  if (filter.state && row.state !== filter.state && healthOf(row, now) !== filter.state) {
    return false;
  }
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => `${row.name} ${row.agent} ${row.state} ${row.url ?? ''}`.toLowerCase().includes(word));
}

/** Where a call may be moved: {agents, instances}, without where it is and without what is on its way out. */
export function placesFor(call, known) {
  const there = known.filter((place) => place.status === 'healthy').sort((a, b) => a.id.localeCompare(b.id) || a.url.localeCompare(b.url));
  return {
    agents: [...new Set(there.map((place) => place.id))].filter((agent) => agent !== call?.agent),
    instances: there.filter((place) => place.id !== call?.agent || place.url !== call.url),
  };
}

const ORDERS = {
  newest: (a, b) => (b.began ?? 0) - (a.began ?? 0),
  trouble: (a, b, now) => HEALTH.indexOf(healthOf(a, now)) - HEALTH.indexOf(healthOf(b, now)) || (b.lost ?? 0) - (a.lost ?? 0),
  slowest: (a, b) => (b.added_ms?.[1] ?? -1) - (a.added_ms?.[1] ?? -1),
};

/** The rows of the tree from the top; `open` holds the paths that are not folded. */
export function treeRows(model, { filter, order, open }, now) {
  const fixed = [...model.actors.values()].filter((row) => row.depth < 2);
  const root = fixed.find((row) => row.depth === 0);
  if (!root) {
    return { rows: [], shown: 0, total: 0 };
  }
  const below = fixed.filter((row) => row.depth === 1).sort((a, b) => a.name.localeCompare(b.name));
  const all = [...model.sessions()];
  const found = all.filter((row) => matches(row, filter, now)).sort((a, b) => ORDERS[order](a, b, now));
  const rows = [line(root, 1, 1, open.has(root.path))];
  if (open.has(root.path)) {
    below.forEach((row, place) => {
      const folds = row.path === SESSIONS ? open.has(row.path) : null;
      rows.push(line(row, place + 1, below.length, folds));
      if (folds) {
        found.forEach((session, number) => addCall(rows, model, session, number + 1, found.length, open));
      }
    });
  }
  return { rows, shown: found.length, total: all.length };
}

function addCall(rows, model, session, place, size, open) {
  const links = model.links.get(session.path);
  const folds = links?.size ? open.has(session.path) : null;
  rows.push(line(session, place, size, folds));
  if (folds) {
    [...links].forEach((path, number) => rows.push(line(model.actors.get(path), number + 1, links.size, null)));
  }
}

function line(row, place, size, folds) {
  return { row, place, size, folds };
}
