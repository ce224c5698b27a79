// What an operator may do. Each is confirmed in a dialog, and told in a line below; the gateway logs it.

import { byId, h } from './dom.js';
import { placesFor } from './model.js';
import { count } from './words.js';

export class Actions {
  constructor({ api, model, onShowCalls }) {
    Object.assign(this, { api, model, onShowCalls });
    this.dialog = byId('dialog');
    this.dialog.addEventListener('submit', (event) => this.#submit(event));
    byId('dialog-cancel').addEventListener('click', () => this.dialog.close());
  }

  showCalls(agent) {
    this.onShowCalls(agent);
  }

  moveCall(id) {
    const { agents, instances } = placesFor(this.model.session(id), this.model.agents);
    const places = [
      ['Agent, any instance', agents.map((agent) => h('option', { value: agent }, agent))],
      ['One instance', instances.map((place) => h('option', { value: `${place.id} ${place.url}` }, `${place.id} · ${place.url} · ${count(place.links)} calls`))],
    ].filter(([, options]) => options.length);
    const field = h('select', { name: 'place', id: 'dialog-field' }, ...places.map(([label, options]) => h('optgroup', { label }, ...options)));
    this.#ask({
      title: 'Move this call',
      text: 'Another agent is told all that the present one knows; another instance of the same agent takes over in silence. If it cannot be reached, the caller stays.',
      field: places.length ? labelled('To', field) : h('p.problem', {}, 'There is no other agent or instance to move it to.'),
      confirm: 'Move call',
      blocked: !places.length,
      run: async (values) => {
        const [targetAgent, targetUrl = ''] = values.get('place').split(' ');
        const answer = await this.api.send('POST', `/api/sessions/${id}/transfer`, { targetAgent, targetUrl, reason: 'operator' });
        return `The call is with ${answer.targetAgent}${targetUrl ? ` at ${targetUrl}` : ''} now.`;
      },
    });
  }

  endCall(id) {
    this.#ask({
      title: 'End this call',
      text: 'The caller is disconnected at once and cannot come back to this call. What was said is kept as with any other call.',
      confirm: 'End call',
      danger: true,
      run: async () => {
        await this.api.send('POST', `/admin/sessions/${id}/end`);
        return 'The call has been ended.';
      },
    });
  }

  drainAgent(id, url = '') {
    const whom = url ? `the instance ${url}` : `all instances of ${id}`;
    this.#ask({
      title: `Drain ${id}`,
      text: `No new calls go to ${whom}; the present ones move to other instances without a gap. An only instance keeps its calls.`,
      confirm: 'Drain',
      run: async () => {
        const answer = await this.api.send('POST', drainPath(id, url));
        return `Draining ${answer.instances} of ${id}; ${answer.calls} calls are on them.`;
      },
    });
  }

  undoAgentDrain(id) {
    this.#ask({
      title: `End the drain of ${id}`,
      text: 'Its instances take calls again.',
      confirm: 'Take calls again',
      run: async () => {
        await this.api.send('DELETE', drainPath(id, ''));
        return `${id} takes calls again.`;
      },
    });
  }

  drainGateway() {
    const field = h('input', { name: 'deadline', id: 'dialog-field', type: 'number', min: '0', max: '86400', value: '60', required: true });
    this.#ask({
      title: 'Drain this gateway',
      text: 'New callers are sent elsewhere. Live calls go on until the deadline; then the callers are asked to come back, and another gateway takes their calls up.',
      field: labelled('Deadline in seconds', field),
      confirm: 'Drain gateway',
      danger: true,
      run: async (values) => {
        const answer = await this.api.send('POST', '/admin/drain', { deadline_s: Number(values.get('deadline')) });
        return `The gateway is ${answer.state}; ${answer.calls} calls are live.`;
      },
    });
  }

  undoGatewayDrain() {
    this.#ask({
      title: 'End the drain',
      text: 'This gateway takes callers again.',
      confirm: 'Take callers again',
      run: async () => {
        await this.api.send('DELETE', '/admin/drain');
        return 'The gateway takes callers again.';
      },
    });
  }

  kill(path) {
    this.#kill(path, { actor: path });
  }

  killLink(id) {
    this.#kill(`the newest link of ${id}`, { link_of: id });
  }

  #kill(what, body) {
    this.#ask({
      title: 'Kill an actor',
      text: `Ends ${what} as a crash would. Its supervisor decides what follows. Chaos is switched on in this gateway.`,
      confirm: 'Kill',
      danger: true,
      run: async () => {
        const answer = await this.api.send('POST', '/admin/chaos/kill', body);
        return `Killed ${answer.killed}.`;
      },
    });
  }

  /** Ask for the bearer token; `run` gets it. */
  askToken(problem, run) {
    const field = h('input', { name: 'token', id: 'dialog-field', type: 'password', autocomplete: 'off', required: true });
    this.#ask({
      title: 'Who are you?',
      text: `${problem}. Enter the admin token of this gateway; it is kept for this tab only.`,
      field: labelled('Admin token', field),
      confirm: 'Continue',
      run: async (values) => run(values.get('token')),
    });
  }

  #ask(question) {
    this.question = question;
    byId('dialog-title').textContent = question.title;
    byId('dialog-text').textContent = question.text;
    byId('dialog-problem').textContent = '';
    byId('dialog-body').replaceChildren(...(question.field ? [question.field] : []));
    const confirm = byId('dialog-confirm');
    confirm.textContent = question.confirm;
    confirm.disabled = question.blocked === true;
    confirm.classList.toggle('danger', question.danger === true);
    if (!this.dialog.open) {
      this.dialog.showModal();
    }
    (byId('dialog-field') ?? byId('dialog-cancel')).focus();
  }

  async #submit(event) {
    event.preventDefault();
    const confirm = byId('dialog-confirm');
    confirm.disabled = true;
    try {
      const told = await this.question.run(new FormData(byId('dialog-form')));
      this.dialog.close();
      say(told);
    } catch (error) {
      byId('dialog-problem').textContent = `It did not happen: ${error.message}`;
    } finally {
      confirm.disabled = false;
    }
  }
}

/** Tell the operator something in the line at the bottom, which screen readers read out. */
export function say(words) {
  const line = byId('told');
  line.textContent = words ?? '';
  line.dataset.shown = String(Boolean(words));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { line.dataset.shown = 'false'; }, 8000);
}

function labelled(text, field) {
  return h('label', { for: 'dialog-field' }, h('span', {}, text), field);
}

function drainPath(id, url) {
  return `/api/agents/${encodeURIComponent(id)}/drain${url ? `?url=${encodeURIComponent(url)}` : ''}`;
}
