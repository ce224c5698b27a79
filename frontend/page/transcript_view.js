// Draws the transcript: one list item per entry, found again by its key and changed in place.

import { describeAgent } from './agents.js';
import { handoffWords, toolWords } from './words.js';

const NEAR_END_PX = 80;
const MAX_ANNOUNCEMENTS = 5;
const SVG = 'http://www.w3.org/2000/svg';

export class TranscriptView {
  #items = new Map();
  #list;
  #scroll;
  #empty;
  #latest;
  #announcer;

  constructor({ list, scroll, empty, latest, announcer }) {
    this.#list = list;
    this.#scroll = scroll;
    this.#empty = empty;
    this.#latest = latest;
    this.#announcer = announcer;
    latest.addEventListener('click', () => this.#toEnd());
    scroll.addEventListener('scroll', () => this.#showLatest());
  }

  /** Shows `entry`, new or changed; `oldest` is the first entry still kept. */
  show(entry, oldest) {
    const follow = this.#isAtEnd();
    const item = this.#items.get(entry.key) ?? this.#add(entry);
    if (!item) {
      return;
    }
    DRAW[entry.kind](item, entry);
    this.#forgetBefore(oldest.key);
    if (follow || entry.role === 'user') {
      this.#toEnd();
    } else {
      this.#showLatest();
    }
    this.#announce(entry, item);
  }

  clear() {
    this.#items.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.#showLatest();
  }

  #add(entry) {
    if (entry.kind === 'tool' && toolWords(entry) === null) {
      return null;
    }
    this.#empty.hidden = true;
    const item = document.createElement('li');
    item.className = `line ${entry.kind}`;
    item.dataset.kind = entry.kind;
    this.#items.set(entry.key, item);
    this.#list.append(item);
    return item;
  }

  #forgetBefore(key) {
    for (const [known, item] of this.#items) {
      if (known >= key) {
        break;
      }
      item.remove();
      this.#items.delete(known);
    }
  }

  // A screen reader hears each finished line once, never the interim ones.
  #announce(entry, item) {
    const finished = entry.kind === 'speech' ? entry.final && !entry.pending : entry.kind === 'handoff';
    if (!finished || item.dataset.announced === item.textContent) {
      return;
    }
    item.dataset.announced = item.textContent;
    const words = document.createElement('p');
    words.textContent = item.textContent;
    this.#announcer.append(words);
    while (this.#announcer.children.length > MAX_ANNOUNCEMENTS) {
      this.#announcer.firstChild.remove();
    }
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#showLatest();
  }

  #showLatest() {
    this.#latest.hidden = this.#isAtEnd();
  }
}

const DRAW = {
  speech(item, { role, agent, text, final, pending }) {
    const { name, hue, glyph, id } = describeAgent(agent);
    item.dataset.role = role;
    item.dataset.final = String(final);
    item.dataset.pending = String(pending);
    if (role === 'assistant') {
      item.dataset.agent = id;
      item.style.setProperty('--hue', hue);
    }
    if (!item.firstChild) {
      item.append(...(role === 'assistant' ? [badge(glyph)] : []), element('span', 'by'), element('p', 'bubble'));
    }
    item.querySelector('.by').textContent = role === 'user' ? 'You' : name;
    item.querySelector('.bubble').textContent = text;
  },
  handoff(item, entry) {
    const { hue, glyph, id } = describeAgent(entry.to);
    item.dataset.agent = id;
    item.style.setProperty('--hue', hue);
    const words = element('span', 'words');
    words.textContent = handoffWords(entry);
    item.replaceChildren(badge(glyph), words);
  },
  tool(item, entry) {
    item.dataset.state = entry.state;
    item.dataset.tool = entry.name;
    const words = element('span', 'words');
    words.textContent = toolWords(entry);
    item.replaceChildren(element('span', 'tick'), words);
  },
  notice(item, { level, text }) {
    item.dataset.level = level;
    item.textContent = text;
  },
};

function element(name, className) {
  const made = document.createElement(name);
  made.className = className;
  return made;
}

function badge(glyph) {
  const made = element('span', 'badge');
  made.setAttribute('aria-hidden', 'true');
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#${glyph}`);
  svg.append(use);
  made.append(svg);
  return made;
}
