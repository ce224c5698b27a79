// Puts the page together: the stream feeds the model, the views show it.

import { Actions, say } from './actions.js';
import { Api } from './api.js';
import { DetailView } from './detail_view.js';
import { byId, h, setData, setText } from './dom.js';
import { Model, NO_FILTER, SESSIONS, isFiltered, treeRows } from './model.js';
import { Stream } from './stream.js';
import { setUpTheme } from './theme.js';
import { TopView } from './top_view.js';
import { TreeView } from './tree_view.js';
import { count, eventWords, span } from './words.js';

const CONNECTION = { connecting: 'Connecting', live: 'Live', again: 'Reconnecting', refused: 'Not let in' };
const TOLD = new Set(['link_lost', 'swap', 'parked', 'resumed', 'ended']);
const TICK_MS = 1000;

const api = new Api();
const model = new Model();
const view = { filter: { ...NO_FILTER }, order: 'newest', open: new Set(['node', SESSIONS]), selected: '' };
const now = () => Date.now() + model.skew;

const actions = new Actions({ api, model, onShowCalls: (agent) => choose({ agent }) });
const top = new TopView({ onAgent: (id) => select(`agent:${id}`) });
const detail = new DetailView({ model, now, actions, onSelect: select });
const tree = new TreeView({
  grid: byId('tree'),
  body: byId('rows'),
  now,
  onSelect: (path) => select(path.split('/').length > 3 ? path.split('/').slice(0, 3).join('/') : path),
  onFold(path, open) {
    view.open[open ? 'add' : 'delete'](path);
    drawTree();
  },
});

// --- drawing ---

let asked = false;
function draw() {
  if (!asked) {
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      drawAll();
    });
  }
}

function drawAll() {
  top.draw(model, view.selected);
  drawTree();
  drawState();
  detail.draw(view.selected);
  refreshStory();
}

function drawTree() {
  const { rows, shown, total } = treeRows(model, view, now());
  tree.show(rows);
  setText(byId('shown'), isFiltered(view.filter) ? `${count(shown)} of ${count(total)} calls` : `${count(total)} calls`);
  byId('nothing').hidden = shown > 0 || !isFiltered(view.filter);
  byId('clear').hidden = !isFiltered(view.filter);
  offer(byId('filter-agent'), [...new Set(model.agents.map((agent) => agent.id))].sort(), 'All agents');
}

function drawState() {
  const { drain, began } = model.totals;
  const draining = drain && drain !== 'serving';
  setText(byId('gateway'), drain ? `${draining ? (drain === 'drained' ? 'Drained' : 'Draining') : 'Serving'} · up ${span(Math.max(0, now() - began))}` : '');
  setData(byId('gateway'), 'draining', String(Boolean(draining)));
  byId('drain').hidden = Boolean(draining);
  byId('undo-drain').hidden = !draining;
}

function offer(select, names, all) {
  const wanted = ['', ...names];
  if (wanted.join() !== [...select.options].map((option) => option.value).join()) {
    const kept = view.filter.agent;
    select.replaceChildren(...wanted.map((name) => h('option', { value: name }, name || all)));
    select.value = kept;
  }
}

// --- one call's story ---

let reading = false;
async function refreshStory() {
  const row = model.actors.get(view.selected);
  const id = view.selected.split('/').length === 3 ? view.selected.split('/').at(-1) : '';
  const stamp = id && `${id} ${row ? `${row.steps} ${row.lines}` : 'over'}`;
  if (!id || reading || stamp === detail.stamp) {
    return;
  }
  reading = true;
  try {
    const story = await api.get(`/admin/sessions/${encodeURIComponent(id)}`);
    if (view.selected.endsWith(id)) {
      Object.assign(detail, { story, problem: '', stamp: story.live || !row ? stamp : '' });
    }
  } catch (error) {
    if (view.selected.endsWith(id)) {
      Object.assign(detail, { story: null, problem: error.status === 404 ? 'Nothing is known of this call any more.' : error.message, stamp });
    }
  } finally {
    reading = false;
    draw();
  }
}

// --- choosing ---

function select(path) {
  if (path !== view.selected) {
    Object.assign(detail, { story: null, problem: '', stamp: '' });
  }
  view.selected = path;
  setData(document.body, 'selected', String(Boolean(path)));
  history.replaceState(null, '', path ? `#${path}` : '#');
  tree.select(path);
  drawAll();
  if (path && matchMedia('(max-width: 900px)').matches) {
    byId('detail-title')?.focus();
  } else if (!path) {
    byId('tree').focus({ preventScroll: true });
  }
}

function choose(change) {
  Object.assign(view.filter, change);
  byId('search').value = view.filter.text;
  byId('filter-agent').value = view.filter.agent;
  byId('filter-state').value = view.filter.state;
  byId('filter-restarted').checked = view.filter.restarted;
  drawTree();
}

// --- the stream ---

const stream = new Stream({
  api,
  onEvent(kind, data) {
    model.take(kind, data, Date.now());
    if (kind === 'event' && TOLD.has(data.event) && view.selected === `${SESSIONS}/${data.session}`) {
      setText(byId('spoken'), eventWords(data).title);
    }
    draw();
  },
  onState(state, problem, status) {
    setText(byId('connection-text'), CONNECTION[state]);
    setData(byId('connection'), 'state', state);
    setData(document.body, 'stale', String(state !== 'live'));
    if (state === 'refused') {
      refused(problem, status);
    }
  },
});

function refused(problem, status) {
  if (status === 403) {
    say(`The gateway does not let this address in: ${problem}`);
    return;
  }
  actions.askToken('This gateway asks for a token', (token) => {
    api.token = token;
    stream.start();
  });
}

// --- set up ---

const listen = (id, event, run) => byId(id).addEventListener(event, run);
listen('search', 'input', (event) => choose({ text: event.target.value }));
listen('filter-agent', 'change', (event) => choose({ agent: event.target.value }));
listen('filter-state', 'change', (event) => choose({ state: event.target.value }));
listen('filter-restarted', 'change', (event) => choose({ restarted: event.target.checked }));
listen('clear', 'click', () => choose({ ...NO_FILTER }));
listen('order', 'change', (event) => {
  view.order = event.target.value;
  drawTree();
});
listen('drain', 'click', () => actions.drainGateway());
listen('undo-drain', 'click', () => actions.undoGatewayDrain());
listen('search', 'keydown', (event) => {
  if (event.key === 'Enter' || event.key === 'ArrowDown') {
    byId('tree').focus();
    event.preventDefault();
  } else if (event.key === 'Escape' && event.target.value) {
    choose({ text: '' });
    event.preventDefault();
  }
});
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, select, textarea, dialog');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    byId('search').focus();
    byId('search').select();
    event.preventDefault();
  } else if (event.key === 'Escape' && !typing && view.selected) {
    select('');
  }
});
addEventListener('hashchange', () => select(decodeURIComponent(location.hash.slice(1))));

addEventListener('pagehide', () => stream.stop()); // a page that the browser keeps for "back" would hold a connection
addEventListener('pageshow', (event) => event.persisted && stream.start());

setUpTheme(byId('theme'));
view.selected = decodeURIComponent(location.hash.slice(1));
setData(document.body, 'selected', String(Boolean(view.selected)));
setInterval(draw, TICK_MS);
drawAll();
stream.start();
