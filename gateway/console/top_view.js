// The strip at the top: how the whole is, with a quarter of an hour of history, and the agents with their load.

import { byId, h, icon, setData, setText } from './dom.js';
import { count, figure, rate } from './words.js';

const WIDTH = 160;
const HEIGHT = 34;
const FIGURES = ['calls', 'started', 'failed', 'swapped', 'added_p99_ms'];

export class TopView {
  constructor({ onAgent }) {
    this.onAgent = onAgent;
    this.agents = byId('agents');
  }

  draw(model, selected) {
    const { series, totals } = model;
    const newest = (name) => series[name]?.at(-1);
    setText(byId('figure-calls'), count(totals.calls));
    setText(byId('more-calls'), totals.max_calls ? `of ${count(totals.max_calls)}` : '');
    for (const name of ['started', 'failed', 'swapped']) {
      setText(byId(`figure-${name}`), rate(newest(name), series.step_s));
    }
    setText(byId('figure-added_p99_ms'), figure(newest('added_p99_ms')));
    setData(byId('card-failed'), 'alarm', String((newest('failed') ?? 0) > 0));
    for (const name of FIGURES) {
      setText(byId(`most-${name}`), mostWords(name, series));
      drawLine(byId(`line-${name}`), series[name] ?? [], series.points ?? 180);
    }
    this.#drawAgents(model.agents, selected);
  }

  #drawAgents(instances, selected) {
    const groups = groupAgents(instances);
    const known = new Map([...this.agents.children].map((chip) => [chip.dataset.agent, chip]));
    const most = Math.max(1, ...groups.map((group) => group.links));
    for (const group of groups) {
      const chip = known.get(group.id) ?? this.#buildChip(group.id);
      known.delete(group.id);
      setData(chip, 'health', group.health);
      chip.setAttribute('aria-pressed', selected === `agent:${group.id}`);
      setText(chip.querySelector('.links'), count(group.links));
      setText(chip.querySelector('.instances'), `${group.healthy}/${group.size} up${group.draining ? `, ${group.draining} draining` : ''}`);
      chip.querySelector('.load').style.setProperty('--load', String(group.links / most));
      const mark = chip.querySelector('.mark');
      if (mark.dataset.health !== group.health) {
        mark.dataset.health = group.health;
        mark.replaceChildren(icon(`health-${group.health}`));
      }
    }
    known.forEach((chip) => chip.remove());
    byId('no-agents').hidden = groups.length > 0;
  }

  #buildChip(id) {
    const chip = h(
      'button.chip',
      { type: 'button', 'data-agent': id, onclick: () => this.onAgent(id) },
      h('span.mark', { 'aria-hidden': 'true' }),
      h('span.agent', {}, id),
      h('span.numbers', {}, h('b.links'), h('span', {}, ' calls · '), h('span.instances')),
      h('span.load', { 'aria-hidden': 'true' }),
    );
    const after = [...this.agents.children].find((other) => other.dataset.agent > id);
    this.agents.insertBefore(chip, after ?? null);
    return chip;
  }
}

/** Instances by agent: how many there are, how many serve, what they hold. */
export function groupAgents(instances) {
  const groups = new Map();
  for (const instance of instances) {
    const group = groups.get(instance.id) ?? { id: instance.id, size: 0, healthy: 0, draining: 0, links: 0 };
    group.size += 1;
    group.healthy += instance.status === 'healthy' && instance.breaker !== 'open';
    group.draining += instance.status === 'draining';
    group.links += instance.links;
    groups.set(instance.id, group);
  }
  return [...groups.values()].map((group) => ({ ...group, health: groupHealth(group) }));
}

function groupHealth({ size, healthy, draining }) {
  return healthy === size ? 'well' : healthy > 0 ? 'changing' : draining > 0 ? 'away' : 'failing';
}

/** Points of a line from right to left; gaps where nothing was measured. */
export function linePath(values, points, width = WIDTH, height = HEIGHT) {
  const most = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const step = width / (points - 1);
  let pen = 'M';
  let path = '';
  values.forEach((value, place) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const x = width - (values.length - 1 - place) * step;
    path += `${pen}${x.toFixed(1)} ${(height - 2 - (value / most) * (height - 5)).toFixed(1)}`;
    pen = 'L';
  });
  return path;
}

/** The highest point of a line, which gives it its scale. */
export function mostWords(name, series) {
  const values = (series[name] ?? []).filter((value) => value !== null);
  if (!values.length) {
    return '';
  }
  const most = Math.max(...values);
  const words = { calls: count, added_p99_ms: figure }[name] ?? ((value) => rate(value, series.step_s));
  return `max ${words(most)}`;
}

function drawLine(svg, values, points) {
  const path = linePath(values, points);
  const [area, line] = svg.children;
  line.setAttribute('d', path);
  const solid = path && !values.includes(null);
  const start = WIDTH - (values.length - 1) * (WIDTH / (points - 1));
  area.setAttribute('d', solid ? `${path}L${WIDTH} ${HEIGHT}L${start.toFixed(1)} ${HEIGHT}Z` : '');
}
