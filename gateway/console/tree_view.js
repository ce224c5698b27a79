// The supervisor tree: a treegrid of which only the rows in sight exist. The focus stays on the grid itself.

import { h, icon, setData, setText } from './dom.js';
import { healthOf } from './model.js';
import { HEALTH_WORDS, audioWords, bytes, delayWords, stateWords } from './words.js';

const ROW_PX = 36;
const BEYOND = 6; // rows outside of sight that exist all the same
const COLUMNS = ['name', 'state', 'agent', 'heard', 'spoke', 'added', 'left', 'mailbox', 'stash'];

export class TreeView {
  #lines = [];
  #places = new Map(); // path -> place
  #pool = [];
  #active = 0;
  #asked = false;

  constructor({ grid, body, now, onSelect, onFold }) {
    Object.assign(this, { grid, body, now, onSelect, onFold });
    this.selected = '';
    grid.addEventListener('scroll', () => this.draw(), { passive: true });
    grid.addEventListener('keydown', (event) => this.#key(event));
    body.addEventListener('click', (event) => this.#click(event));
    new ResizeObserver(() => this.draw()).observe(grid);
  }

  /** Show other lines; whoever was active stays so, wherever it is now. */
  show(lines) {
    const path = this.#lines[this.#active]?.row.path;
    this.#lines = lines;
    this.#places = new Map(lines.map((line, place) => [line.row.path, place]));
    this.#active = this.#places.get(path) ?? Math.min(this.#active, Math.max(0, lines.length - 1));
    this.grid.setAttribute('aria-rowcount', lines.length + 1);
    this.body.style.height = `${lines.length * ROW_PX}px`;
    this.draw();
  }

  select(path) {
    this.selected = path;
    const place = this.#places.get(path);
    if (place !== undefined) {
      this.#active = place;
      this.#scrollTo(place);
    }
    this.draw();
  }

  /** Once per picture, however often it is asked for. */
  draw() {
    if (!this.#asked) {
      this.#asked = true;
      requestAnimationFrame(() => {
        this.#asked = false;
        this.#drawNow();
      });
    }
  }

  #drawNow() {
    const top = Math.max(0, this.grid.scrollTop - this.#head());
    const first = Math.max(0, Math.floor(top / ROW_PX) - BEYOND);
    const last = Math.min(this.#lines.length, Math.ceil((top + this.grid.clientHeight) / ROW_PX) + BEYOND);
    const places = [];
    for (let place = first; place < last; place += 1) {
      places.push(place);
    }
    if (this.#lines.length && (this.#active < first || this.#active >= last)) {
      places.push(this.#active); // the grid names it as its active one, so it must exist
    }
    while (this.#pool.length < places.length) {
      this.#pool.push(buildRow(this.body));
    }
    const now = this.now();
    this.#pool.forEach((row, number) => {
      const place = places[number];
      row.element.hidden = place === undefined;
      if (place !== undefined) {
        this.#fill(row, place, now);
      } else {
        row.element.removeAttribute('id');
      }
    });
    this.#mark();
  }

  #mark() {
    if (this.#lines.length) {
      this.grid.setAttribute('aria-activedescendant', `row-${this.#active}`);
    } else {
      this.grid.removeAttribute('aria-activedescendant');
    }
  }

  #fill(view, place, now) {
    const { row, place: number, size, folds } = this.#lines[place];
    const { element, cells } = view;
    const health = healthOf(row, now);
    element.id = `row-${place}`;
    element.style.transform = `translateY(${place * ROW_PX}px)`;
    setData(element, 'place', String(place));
    setData(element, 'health', health);
    setData(element, 'depth', String(row.depth));
    setData(element, 'active', String(place === this.#active));
    element.setAttribute('aria-rowindex', place + 2);
    element.setAttribute('aria-level', row.depth + 1);
    element.setAttribute('aria-posinset', number);
    element.setAttribute('aria-setsize', size);
    element.setAttribute('aria-selected', row.path === this.selected);
    if (folds === null) {
      element.removeAttribute('aria-expanded');
    } else {
      element.setAttribute('aria-expanded', folds);
    }
    setData(view.fold, 'folds', folds === null ? 'no' : folds ? 'open' : 'shut');
    view.mark(health);
    setText(view.name, row.name);
    setText(view.note, `#${row.incarnation}`);
    setData(view.note, 'first', String(row.incarnation === 1));
    setText(cells.state, stateWords(row.state));
    setText(cells.agent, row.agent ?? '');
    const call = row.kind === 'session';
    setText(cells.heard, call ? audioWords(row.caller_audio, now) : '');
    setText(cells.spoke, call ? audioWords(row.agent_audio, now) : '');
    setText(cells.added, call ? delayWords(row.added_ms) : '');
    setText(cells.left, row.restarts_left === null || row.restarts_left === undefined ? '' : String(row.restarts_left));
    setData(cells.left, 'low', String(row.restarts_left !== null && row.restarts_left <= 1));
    setText(cells.mailbox, String(row.mailbox ?? ''));
    setText(cells.stash, call ? bytes(row.stashed) : '');
  }

  #head() {
    return this.body.offsetTop;
  }

  #scrollTo(place) {
    const top = place * ROW_PX;
    const room = this.grid.clientHeight - this.#head();
    if (top < this.grid.scrollTop) {
      this.grid.scrollTop = top;
    } else if (top + ROW_PX > this.grid.scrollTop + room) {
      this.grid.scrollTop = top + ROW_PX - room;
    }
  }

  #go(place) {
    this.#active = Math.max(0, Math.min(this.#lines.length - 1, place));
    this.#scrollTo(this.#active);
    this.#drawNow();
  }

  #key(event) {
    const line = this.#lines[this.#active];
    if (!line || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const page = Math.max(1, Math.floor((this.grid.clientHeight - this.#head()) / ROW_PX) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) {
      this.#go(this.#active + moves[event.key]);
    } else if (event.key === 'ArrowRight') {
      this.#right(line);
    } else if (event.key === 'ArrowLeft') {
      this.#left(line);
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.onSelect(line.row.path);
    } else {
      return;
    }
    event.preventDefault();
  }

  #right(line) {
    if (line.folds === false) {
      this.onFold(line.row.path, true);
    } else if (line.folds) {
      this.#go(this.#active + 1);
    }
  }

  #left(line) {
    const parent = line.row.path.slice(0, line.row.path.lastIndexOf('/'));
    if (line.folds) {
      this.onFold(line.row.path, false);
    } else if (this.#places.has(parent)) {
      this.#go(this.#places.get(parent));
    }
  }

  #click(event) {
    const element = event.target.closest('[role=row]');
    if (!element) {
      return;
    }
    const line = this.#lines[Number(element.dataset.place)];
    this.#active = Number(element.dataset.place);
    if (event.target.closest('.fold') && line.folds !== null) {
      this.onFold(line.row.path, !line.folds);
    } else {
      this.onSelect(line.row.path);
    }
    this.grid.focus({ preventScroll: true });
    this.draw();
  }
}

function buildRow(body) {
  const fold = h('span.fold', { 'aria-hidden': 'true' });
  const mark = h('span.mark');
  const name = h('span.name');
  const note = h('span.note', { title: 'Incarnation' });
  const cells = { name: h('div.cell.c-name', { role: 'gridcell' }, fold, mark, name, note) };
  for (const column of COLUMNS.slice(1)) {
    cells[column] = h(`div.cell.c-${column}`, { role: 'gridcell' });
  }
  const element = h('div.row', { role: 'row' }, COLUMNS.map((column) => cells[column]));
  body.append(element);
  let shown = '';
  return {
    element,
    cells,
    fold,
    name,
    note,
    mark(health) {
      if (shown !== health) {
        shown = health;
        mark.replaceChildren(icon(`health-${health}`, HEALTH_WORDS[health]));
      }
    },
  };
}
