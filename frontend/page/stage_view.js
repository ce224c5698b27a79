// Draws everything but the transcript: who is on the line, the connection, the banner, the buttons.

import { describeAgent } from './agents.js';
import { clock } from './call_state.js';
import { meterOf } from './pcm.js';

const PILL = {
  idle: 'Not connected',
  connecting: 'Connecting',
  open: 'Connected',
  waiting: 'Reconnecting',
  closed: 'Disconnected',
};

const HINTS = {
  idle: 'Connect, then speak or type.',
  off: 'The microphone is off. Turn it on to speak.',
  opening: 'Waiting for the microphone.',
  on: 'We are listening.',
};

const byId = (id) => document.getElementById(id);

export class StageView {
  #call = byId('call');

  /** Draws one picture of the whole page state. */
  show({ connection, call, microphone, agentSpeaks, personSpeaks, banner, canRejoin, now }) {
    const live = connection.name !== 'idle' && connection.name !== 'closed';
    this.#showAgent(describeAgent(call.agent), { connection, call, agentSpeaks, personSpeaks });
    Object.assign(this.#call.dataset, {
      state: connection.name,
      microphone,
      speaking: speaker(agentSpeaks, personSpeaks),
      session: call.sessionId,
      live: String(live),
      holding: String(call.holding),
    });
    byId('connection').dataset.state = call.holding ? 'waiting' : connection.name;
    write('connection-text', call.holding ? 'One moment' : PILL[connection.name]);
    write('connect-label', live ? 'Hang up' : connectLabel(connection, canRejoin));
    this.#showMicrophone(microphone, live, connection.name === 'open');
    this.#showBanner(banner);
    this.showTimes(call, now);
  }

  /** The parts that change with the clock alone. */
  showTimes(call, now) {
    write('duration', call.startedAt === null ? '0:00' : clock((call.endedAt ?? now) - call.startedAt));
    write('latency', call.latencyMs === null ? '–' : `${(call.latencyMs / 1000).toFixed(1)} s`);
    byId('latency').dataset.ms = call.latencyMs === null ? '' : Math.round(call.latencyMs);
    byId('facts').dataset.shown = String(call.startedAt !== null);
  }

  showCountdown(ms) {
    write('banner-countdown', ms === null ? '' : `${Math.max(0, Math.ceil(ms / 1000))} s`);
  }

  showLevels(microphoneLevel, agentLevel) {
    this.#call.style.setProperty('--voice', meterOf(agentLevel).toFixed(2));
    byId('meter').style.setProperty('--level', meterOf(microphoneLevel).toFixed(2));
  }

  showWorkflows(choices, chosen) {
    byId('workflow').replaceChildren(
      ...choices.map(({ id, name }) => new Option(name, id, id === chosen, id === chosen)),
    );
  }

  #showAgent(agent, { connection, call, agentSpeaks, personSpeaks }) {
    this.#call.dataset.agent = agent.id;
    this.#call.style.setProperty('--hue', agent.hue);
    write('agent-name', agent.name);
    byId('agent-glyph').setAttribute('href', `#${agent.glyph}`);
    write('agent-doing', doing(agent, { connection, call, agentSpeaks, personSpeaks }));
  }

  #showMicrophone(microphone, live, open) {
    const button = byId('microphone');
    button.disabled = !open && microphone === 'off';
    button.setAttribute('aria-pressed', String(microphone === 'on'));
    write('microphone-label', microphone === 'off' ? 'Turn on the microphone' : 'Turn off the microphone');
    write('microphone-hint', HINTS[live ? microphone : 'idle']);
    byId('workflow').disabled = live;
  }

  #showBanner(banner) {
    const box = byId('banner');
    box.hidden = !banner;
    box.dataset.level = banner?.level ?? '';
    box.dataset.code = banner?.code ?? '';
    write('banner-text', banner?.text ?? '');
    byId('banner-action').hidden = !banner?.canReconnect;
  }
}

function speaker(agentSpeaks, personSpeaks) {
  if (personSpeaks) {
    return 'person';
  }
  return agentSpeaks ? 'agent' : 'nobody';
}

function connectLabel(connection, canRejoin) {
  if (canRejoin) {
    return 'Rejoin call';
  }
  return connection.name === 'closed' ? 'Call again' : 'Connect';
}

function doing(agent, { connection, call, agentSpeaks, personSpeaks }) {
  if (connection.name === 'connecting') {
    return 'Calling';
  }
  if (connection.name === 'waiting') {
    return 'Getting your call back';
  }
  if (connection.name !== 'open') {
    return call.endedAt === null ? agent.hint : 'Call ended';
  }
  if (call.holding) {
    return 'Coming back on the line';
  }
  if (personSpeaks) {
    return 'Listening to you';
  }
  return agentSpeaks ? 'Speaking' : 'On the line';
}

// Writing equal text would make screen readers repeat it.
function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
