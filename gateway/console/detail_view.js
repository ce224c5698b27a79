// The right side: one call, another actor, an agent, or what is going on everywhere.

import { byId, h, icon, setData, setText } from './dom.js';
import { lifeOf, linksOf } from './life.js';
import { healthOf } from './model.js';
import { HEALTH_WORDS, audioWords, bytes, clock, count, delayWords, eventWords, plain, receiptRows, span, stateWords } from './words.js';

const TABS = ['life', 'transcript', 'links'];

export class DetailView {
  #drawn = null;
  #tab = 'life';

  constructor({ model, now, actions, onSelect }) {
    Object.assign(this, { model, now, actions, onSelect });
    this.panel = byId('detail');
    this.story = null;
    this.problem = '';
  }

  /** Show what is selected: an actor's path, `agent:<id>`, or nothing. */
  draw(selected) {
    if (this.#drawn !== selected) {
      this.#drawn = selected;
      this.parts = this.#build(selected);
      this.panel.replaceChildren(...this.parts.elements);
      this.panel.scrollTop = 0;
    }
    this.parts.refresh();
  }

  #build(selected) {
    if (!selected) {
      return this.#buildActivity();
    }
    if (selected.startsWith('agent:')) {
      return this.#buildAgent(selected.slice('agent:'.length));
    }
    return selected.split('/').length === 3 ? this.#buildCall(selected) : this.#buildActor(selected);
  }

  // --- what is going on everywhere ---

  #buildActivity() {
    const list = h('ol.steps', { 'aria-label': 'Latest events' });
    const empty = h('p.empty', {}, 'Nothing has happened yet. Calls, swaps and failures appear here as they happen.');
    let shown = '';
    const refresh = () => {
      const events = this.model.events.filter((event) => event.event !== 'dialled' && event.event !== 'link_ended').slice(-80);
      const stamp = `${events.length} ${events.at(-1)?.at} ${events[0]?.at}`;
      if (stamp !== shown) {
        shown = stamp;
        list.replaceChildren(...events.reverse().map((event) => this.#step(event, true)));
      }
      empty.hidden = events.length > 0;
    };
    const head = this.#head('Activity', 'What happens in all calls, the newest first');
    return { elements: [head, h('div.scroll', { tabindex: '0', role: 'group', 'aria-label': 'Activity' }, empty, list)], refresh };
  }

  // --- an actor that is no call ---

  #buildActor(path) {
    const facts = h('dl.facts');
    const kill = this.#killButton(path);
    const badge = h('span.badge');
    const actions = h('div.actions', {}, kill);
    const refresh = () => {
      const row = this.model.actors.get(path);
      actions.hidden = !this.model.chaos || !row || row.depth === 0;
      this.#badge(badge, row);
      this.#facts(facts, row ? actorFacts(row, this.now()) : [['State', 'gone']]);
    };
    return { elements: [this.#head(path.split('/').at(-1), path, badge, true), actions, facts], refresh };
  }

  // --- an agent ---

  #buildAgent(id) {
    const body = h('tbody');
    const table = h(
      'table.table',
      {},
      h('caption.hidden', {}, `Instances of ${id}`),
      h('thead', {}, h('tr', {}, ...['Instance', 'Health', 'Breaker', 'Links', ''].map((name) => h('th', { scope: 'col' }, name || h('span.hidden', {}, 'Actions'))))),
      body,
    );
    const actions = h(
      'div.actions',
      {},
      this.#button('Show its calls', 'route', () => this.actions.showCalls(id)),
      this.#button('Drain agent…', 'drain', () => this.actions.drainAgent(id)),
      this.#button('End drain', 'undo', () => this.actions.undoAgentDrain(id)),
    );
    let shown = '';
    const refresh = () => {
      const instances = this.model.agents.filter((instance) => instance.id === id);
      const stamp = JSON.stringify(instances);
      actions.lastChild.hidden = !instances.some((instance) => instance.status === 'draining');
      if (stamp !== shown) {
        shown = stamp;
        body.replaceChildren(...instances.map((instance) => this.#instance(instance)));
      }
    };
    return { elements: [this.#head(id, 'Agent', null, true), actions, h('div.scroll', { tabindex: '0', role: 'group', 'aria-label': 'Instances' }, table)], refresh };
  }

  #instance(instance) {
    const health = instance.status === 'healthy' ? 'well' : instance.status === 'draining' ? 'away' : 'failing';
    return h(
      'tr',
      {},
      h('td.mono', {}, instance.url),
      h('td', {}, h('span.badge', { 'data-health': health }, icon(`health-${health}`), plain(instance.status))),
      h('td', {}, plain(instance.breaker)),
      h('td.number', {}, count(instance.links)),
      h('td', {}, this.#button('Drain…', 'drain', () => this.actions.drainAgent(instance.id, instance.url), `Drain ${instance.url}`)),
    );
  }

  // --- one call ---

  #buildCall(path) {
    const id = path.split('/').at(-1);
    const parts = { badge: h('span.badge'), facts: h('dl.facts'), ribbon: h('div.ribbon'), legend: h('p.legend') };
    const actions = this.#callActions(id, path);
    const tabs = this.#tabs();
    let shown = null;
    const refresh = () => {
      const row = this.model.actors.get(path);
      const over = !row || (this.story && !this.story.live);
      this.#badge(parts.badge, row);
      actions.querySelectorAll('button').forEach((button) => { button.disabled = over; });
      actions.querySelectorAll('.chaos').forEach((button) => { button.hidden = !this.model.chaos; });
      this.#facts(parts.facts, row ? callFacts(row, this.now()) : overFacts(this.story?.steps.at(-1), this.problem));
      this.#drawRibbon(parts);
      if (shown !== this.story) {
        shown = this.story;
        this.#fillTabs(tabs.panels);
      }
    };
    return {
      elements: [
        this.#head(`Call ${id.slice(0, 8)}`, id, parts.badge, true),
        actions,
        parts.facts,
        h('figure.life', {}, parts.ribbon, parts.legend),
        tabs.list,
        ...TABS.map((tab) => tabs.panels[tab]),
      ],
      refresh,
    };
  }

  #callActions(id, path) {
    return h(
      'div.actions',
      {},
      this.#button('Move call…', 'swap', () => this.actions.moveCall(id)),
      this.#button('End call…', 'end', () => this.actions.endCall(id)),
      this.#killButton(path, 'Kill session…'),
      this.#button('Kill link…', 'broken', () => this.actions.killLink(id), '', '.chaos.danger'),
    );
  }

  #killButton(path, label = 'Kill actor…') {
    return this.#button(label, 'broken', () => this.actions.kill(path), '', '.chaos.danger');
  }

  #tabs() {
    const list = h('div.tabs', { role: 'tablist', 'aria-label': 'About this call' });
    const panels = {};
    const buttons = TABS.map((tab) => {
      panels[tab] = h('div.scroll', { role: 'tabpanel', id: `panel-${tab}`, 'aria-labelledby': `tab-${tab}`, tabindex: '0' });
      const attributes = { type: 'button', role: 'tab', id: `tab-${tab}`, 'aria-controls': `panel-${tab}`, onclick: () => choose(tab) };
      return h('button', attributes, plain(tab));
    });
    const choose = (tab) => {
      this.#tab = tab;
      buttons.forEach((button, number) => {
        const on = TABS[number] === tab;
        button.setAttribute('aria-selected', on);
        button.tabIndex = on ? 0 : -1;
        panels[TABS[number]].hidden = !on;
      });
    };
    list.append(...buttons);
    list.addEventListener('keydown', (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (move) {
        const place = (TABS.indexOf(this.#tab) + move + TABS.length) % TABS.length;
        choose(TABS[place]);
        buttons[place].focus();
        event.preventDefault();
      }
    });
    choose(this.#tab);
    return { list, panels };
  }

  #fillTabs(panels) {
    const story = this.story;
    if (!story) {
      TABS.forEach((tab) => panels[tab].replaceChildren(h('p.empty', {}, this.problem || 'Reading…')));
      return;
    }
    panels.life.replaceChildren(h('ol.steps', {}, ...story.steps.toReversed().map((step) => this.#step(step, false, story.began))));
    panels.transcript.replaceChildren(transcript(story));
    panels.links.replaceChildren(linkTable(story));
  }

  #drawRibbon({ ribbon, legend }) {
    if (!this.story?.steps.length) {
      ribbon.replaceChildren();
      setText(legend, '');
      return;
    }
    const life = lifeOf(this.story, this.now());
    const whole = Math.max(1, life.to - life.from);
    const at = (time) => `${((time - life.from) / whole) * 100}%`;
    ribbon.replaceChildren(
      ...life.spans.map((part) => {
        const element = h(`span.${part.kind}`, {}, part.kind === 'agent' ? h('b', {}, part.agent) : null);
        element.style.left = at(part.from);
        element.style.width = `${((part.to - part.from) / whole) * 100}%`;
        element.style.setProperty('--hue', String(hue(part.agent)));
        return element;
      }),
      ...life.marks.filter((mark) => mark.tone === 'failing').map((mark) => {
        const element = h('i');
        element.style.left = at(mark.at);
        return element;
      }),
    );
    const lost = life.marks.filter((mark) => mark.tone === 'failing').length;
    const gap = life.spans.filter((part) => part.kind === 'gap').reduce((sum, part) => sum + part.to - part.from, 0);
    setText(legend, `${span(whole)} · ${lost} ${lost === 1 ? 'link' : 'links'} lost · ${span(gap)} without an agent`);
  }

  // --- pieces ---

  #step(event, everywhere, began) {
    const { title, text, tone, mark, more } = eventWords(event);
    const receipt = event.event === 'swap' && !everywhere;
    return h(
      'li.step',
      { 'data-tone': tone },
      h('span.dot', { 'aria-hidden': 'true' }, icon(`mark-${mark}`)),
      h(
        'div',
        {},
        h('p.title', {}, title),
        text ? h('p.text', {}, text) : null,
        more ? h('p.text', {}, more) : null,
        everywhere && event.session ? h('button.link.mono', { type: 'button', onclick: () => this.onSelect(`node/sessions/${event.session}`) }, event.session) : null,
        receipt ? h('details', {}, h('summary', {}, 'Receipt'), h('dl.receipt', {}, ...receiptRows(event).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))]))) : null,
      ),
      h('time', { datetime: new Date(event.at).toISOString() }, clock(event.at), began ? h('small', {}, `+${span(Math.max(0, event.at - began))}`) : null),
    );
  }

  #head(title, text, badge = null, back = false) {
    return h(
      'header.head',
      {},
      back ? h('button.icon-button.back', { type: 'button', 'aria-label': 'Back to the activity', onclick: () => this.onSelect('') }, icon('mark-back')) : null,
      h('div.grow', {}, h('h2', { id: 'detail-title', tabindex: '-1' }, title), h(text.includes(' ') ? 'p' : 'p.mono', {}, text)),
      badge,
    );
  }

  #badge(element, row) {
    const health = row ? healthOf(row, this.now()) : 'idle';
    const text = row ? `${stateWords(row.state)}` : 'Over';
    if (element.dataset.health !== health || element.lastChild?.textContent !== text) {
      setData(element, 'health', health);
      element.replaceChildren(icon(`health-${health}`, HEALTH_WORDS[health]), text);
    }
  }

  #facts(list, facts) {
    if (list.children.length !== facts.length) {
      list.replaceChildren(...facts.map(() => h('div', {}, h('dt'), h('dd'))));
    }
    facts.forEach(([name, value], place) => {
      setText(list.children[place].firstChild, name);
      setText(list.children[place].lastChild, String(value ?? '–'));
    });
  }

  #button(label, mark, onclick, spoken = '', classes = '') {
    return h(`button.button${classes}`, { type: 'button', onclick, 'aria-label': spoken || null }, icon(`mark-${mark}`), label);
  }
}

function actorFacts(row, now) {
  return [
    ['Kind', plain(row.kind)],
    ['Incarnation', row.incarnation],
    ['Restarts left', row.restarts_left ?? '–'],
    ['Mailbox', row.mailbox],
    ...(row.agent ? [['Agent', row.agent], ['Instance', row.url]] : []),
    ['Last exit', row.last_exit ?? '–'],
    ['Restarted', row.restarted ? `${span(Math.max(0, now - row.restarted))} ago` : '–'],
  ];
}

function callFacts(row, now) {
  return [
    ['Agent', row.agent],
    ['Instance', row.url ?? 'none just now'],
    ['Duration', row.began ? span(Math.max(0, now - row.began)) : '–'],
    ['Swaps', row.swaps],
    ['Restarts left', row.restarts_left],
    ['Mailbox', row.mailbox],
    ['Audio in', audioWords(row.caller_audio, now)],
    ['Audio out', audioWords(row.agent_audio, now)],
    ['Added ms', delayWords(row.added_ms)],
    ['Stashed', bytes(row.stashed)],
    ['Dropped', `${count(row.dropped)} frames`],
    ['Incarnation', row.incarnation],
  ];
}

/** What is left to say of a call that is over; `end` is its last step. */
function overFacts(end, problem) {
  if (end?.event !== 'ended') {
    return [['State', problem || 'The call is over']];
  }
  const added = (direction) => delayWords([end.added?.[direction]?.p50_ms, end.added?.[direction]?.p99_ms]);
  return [
    ['Ended', plain(end.verdict)],
    ['Close code', end.code],
    ['Duration', span(end.duration_s * 1000)],
    ['Swaps', end.swaps],
    ['Links lost', end.causes.length ? end.causes.map((cause) => plain(cause)).join(', ') : 'none'],
    ['Dropped', `${count(end.dropped)} frames`],
    ['Added ms, in', added('to_agent')],
    ['Added ms, out', added('to_caller')],
  ];
}

function transcript(story) {
  if (story.lines === null) {
    return h('p.empty', {}, 'This gateway keeps no words (UNDERSTUDY_HISTORY_CALLS is 0).');
  }
  if (!story.lines.length) {
    return h('p.empty', {}, 'Nobody has said anything yet.');
  }
  const lines = story.lines.map((line) =>
    h('li.said', { 'data-role': line.role }, h('p.who', {}, line.role === 'user' ? 'Caller' : plain(line.agent), h('time', { datetime: new Date(line.timestamp).toISOString() }, clock(line.timestamp))), h('p.bubble', {}, line.text)),
  );
  return h('div', {}, h('p.hint', {}, 'Account numbers and sort codes are masked.'), h('ol.lines', {}, ...lines));
}

function linkTable(story) {
  const rows = linksOf(story).map((link) =>
    h(
      'tr',
      {},
      h('td.number', {}, String(link.generation)),
      h('td', {}, link.agent, h('small.mono', {}, link.url)),
      h('td', {}, plain(link.reason)),
      h('td', {}, link.to === null ? 'open' : span(link.to - link.from)),
      h('td', {}, h('span.badge', { 'data-health': { open: 'well', lost: 'failing', ended: 'idle' }[link.end] }, icon(`health-${{ open: 'well', lost: 'failing', ended: 'idle' }[link.end]}`), link.cause ? plain(link.cause) : plain(link.end)), link.detail ? h('small', {}, link.detail) : null),
    ),
  );
  const head = ['#', 'Agent', 'Why', 'Lasted', 'End'];
  return rows.length
    ? h('table.table', {}, h('caption.hidden', {}, 'Links of this call'), h('thead', {}, h('tr', {}, ...head.map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, ...rows))
    : h('p.empty', {}, 'No link has been dialled yet.');
}

/** A colour of its own for each agent's name. */
function hue(name) {
  let sum = 0;
  for (const letter of name) {
    sum = (sum * 31 + letter.codePointAt(0)) % 360;
  }
  return sum;
}
