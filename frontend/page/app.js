// The composition: connection, call state, transcript, sound and views, wired together here and nowhere else.

import { DEFAULT_WORKFLOW, FALLBACK_WORKFLOWS, workflowsFrom } from './agents.js';
import { continues, NO_CALL, stepCall } from './call_state.js';
import { Connection } from './connection.js';
import { Delivery } from './delivery.js';
import { explainMicrophoneError, openMicrophone } from './microphone.js';
import { MicrophoneSwitch } from './microphone_switch.js';
import { Playback } from './playback.js';
import * as protocol from './protocol.js';
import { ResumeToken } from './resume_token.js';
import { StageView } from './stage_view.js';
import { Transcript } from './transcript.js';
import { TranscriptView } from './transcript_view.js';
import { errorWords, statusWords } from './words.js';

const REST_TIMEOUT_MS = 3_000;
const MAX_WAITING_LINES = 20; // typed while the line is down; the box refuses more
const MAX_UNSENT_AUDIO_BYTES = 64_000; // 2 s of speech: older than that, it would arrive too late to be of use

const byId = (id) => document.getElementById(id);

class App {
  #gatewayUrl;
  #call = NO_CALL;
  #banner = null;
  #workflows = FALLBACK_WORKFLOWS;
  #waitingLines = [];
  #transcript = new Transcript();
  #delivery = new Delivery();
  #token = new ResumeToken(globalThis.sessionStorage, Date.now());
  #stage = new StageView();
  #lines = new TranscriptView({
    list: byId('transcript'),
    scroll: byId('scroll'),
    empty: byId('empty'),
    latest: byId('latest'),
    announcer: byId('announcer'),
  });
  #playback = new Playback({ onSpeaking: () => this.#draw() });
  #microphone = new MicrophoneSwitch({
    open: openMicrophone,
    on: {
      change: () => this.#draw(),
      frame: (samples) => this.#sendAudio(samples),
      speech: (what) => this.#onSpeech(what),
      failed: (error) => this.#note('error', explainMicrophoneError(error)),
      stopped: () => this.#connection.send(protocol.endOfSpeech()),
    },
  });
  #connection = new Connection({
    url: () => protocol.socketUrl(this.#gatewayUrl, this.#token.value, this.#delivery.seen),
    makePing: protocol.ping,
    on: {
      state: (state, previous) => this.#onConnection(state, previous),
      opened: () => this.#connection.send(protocol.selectWorkflow(this.#call.workflowId)),
      text: (text) => this.#onEvent(protocol.parseText(text)),
      binary: (buffer) => this.#onEvent(protocol.parseBinary(buffer)),
    },
  });

  constructor(gatewayUrl) {
    this.#gatewayUrl = gatewayUrl;
    this.#stage.showWorkflows(this.#workflows, DEFAULT_WORKFLOW);
    this.#listen();
    this.#draw();
    setInterval(() => this.#onTick(), 250);
    this.#animate();
  }

  /** Replaces the choice by what this gateway offers, if it says. */
  async loadWorkflows() {
    const personas = await fetchJson(`${protocol.restUrl(this.#gatewayUrl)}/api/personas`);
    const choices = workflowsFrom(personas);
    if (choices && this.#isIdle()) {
      this.#workflows = choices;
      const kept = choices.find(({ id }) => id === this.#call.workflowId) ?? choices[0];
      this.#step({ type: 'chosen', workflowId: kept.id });
      this.#stage.showWorkflows(choices, kept.id);
    }
  }

  // ---- what the person does -------------------------------------------------------------------------------

  #listen() {
    byId('connect').addEventListener('click', () => (this.#isIdle() ? this.#startCall() : this.#hangUp()));
    byId('microphone').addEventListener('click', () => this.#toggleMicrophone());
    byId('banner-action').addEventListener('click', () => this.#connection.reconnectNow());
    byId('workflow').addEventListener('change', (event) => this.#step({ type: 'chosen', workflowId: event.target.value }));
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(byId('text'));
    });
    byId('examples').addEventListener('click', ({ target }) => {
      if (target instanceof HTMLButtonElement) {
        byId('text').value = target.textContent;
        byId('text').focus();
      }
    });
    globalThis.addEventListener('pagehide', () => {
      if (this.#token.value) {
        this.#token.keep(this.#token.value, Date.now());
      }
    });
  }

  #startCall() {
    if (this.#call.endedAt !== null) {
      this.#transcript.clear();
      this.#lines.clear();
      this.#waitingLines.forEach((text) => this.#show(this.#transcript.typed(text)));
    }
    this.#playback.unlock().catch(() => this.#note('warning', 'This browser does not play sound. You can still read.'));
    this.#step({ type: 'dialled' });
    this.#connection.connect();
  }

  #hangUp() {
    this.#token.forget();
    this.#waitingLines = [];
    this.#connection.hangUp();
  }

  #toggleMicrophone() {
    this.#playback.unlock().catch(() => undefined);
    this.#microphone.toggle();
  }

  #submit(box) {
    const text = box.value.trim();
    if (!text || this.#waitingLines.length >= MAX_WAITING_LINES) {
      return;
    }
    box.value = '';
    if (this.#isIdle()) {
      this.#waitingLines.push(text);
      const shown = this.#call.endedAt === null;
      this.#startCall();
      if (shown) {
        this.#show(this.#transcript.typed(text));
      }
      return;
    }
    this.#show(this.#transcript.typed(text));
    if (this.#call.sessionId === '' || !this.#sendLine(text)) {
      this.#waitingLines.push(text);
    }
  }

  #sendLine(text) {
    this.#playback.clear();
    const sent = this.#connection.send(protocol.textInput(text));
    if (sent) {
      this.#delivery.sent(text);
      this.#step({ type: 'heard', at: performance.now() });
    }
    return sent;
  }

  #sendAudio(samples) {
    if (this.#microphone.hearsWords) {
      this.#step({ type: 'heard', at: performance.now() });
    }
    if (this.#connection.bufferedBytes < MAX_UNSENT_AUDIO_BYTES) {
      this.#connection.send(samples);
    }
  }

  #onSpeech(what) {
    if (what === 'started') {
      this.#playback.clear();
    }
    this.#draw();
  }

  // ---- what the service does ------------------------------------------------------------------------------

  #onConnection(state) {
    this.#banner = bannerFor(state);
    if (state.name === 'idle' || state.name === 'closed') {
      this.#endCall(state);
    }
    this.#draw();
  }

  #endCall(state) {
    this.#step({ type: 'ended', at: performance.now() });
    this.#microphone.stop();
    this.#playback.clear();
    if (state.name === 'closed') {
      this.#token.forget();
      this.#waitingLines = [];
    }
  }

  #onEvent(event) {
    if (event.kind !== 'audio' && event.kind !== 'connected') {
      this.#delivery.came();
    }
    switch (event.kind) {
      case 'audio':
        return this.#onAudio(event.samples);
      case 'connected':
        return this.#onConnected(event);
      case 'transcript':
        if (event.role !== 'user') {
          this.#delivery.answered();
        }
        return this.#show(this.#transcript.speech({ ...event, agent: this.#call.agent }));
      case 'handoff':
        return this.#onHandoff(event.target);
      case 'tool':
        return this.#show(this.#transcript.tool({ ...event, agent: this.#call.agent }));
      case 'interruption':
        return this.#playback.clear();
      case 'status':
        return this.#onStatus(event);
      case 'error':
        return this.#note('error', errorWords(event));
      default: // pong, and what the page has no use for
        return undefined;
    }
  }

  // While the person speaks over the agent, the rest of the interrupted turn is still under way: not played.
  #onAudio(samples) {
    if (!this.#microphone.isSpeaking) {
      this.#step({ type: 'reply', at: performance.now() });
      this.#playback.play(samples);
    }
  }

  #onConnected(event) {
    const known = this.#call.sessionId !== '';
    const resumed = continues(this.#call, event);
    if (known && !resumed) {
      this.#note('warning', 'You are connected again, but we had to start a new conversation.');
    } else if (known && this.#call.sessionId === event.sessionId) {
      this.#note('info', 'You are connected again.');
    }
    this.#step({ ...event, type: 'connected', at: performance.now() });
    if (event.resumeToken) {
      this.#token.keep(event.resumeToken, Date.now());
    }
    const { voiceId } = this.#workflows.find(({ id }) => id === this.#call.workflowId) ?? {};
    this.#connection.send(protocol.sessionConfig(voiceId));
    this.#waitingLines.unshift(...this.#delivery.connected(event));
    while (this.#waitingLines.length > 0 && this.#sendLine(this.#waitingLines[0])) {
      this.#waitingLines.shift();
    }
  }

  #onHandoff(target) {
    const from = this.#call.agent;
    this.#step({ type: 'handoff', target });
    if (from !== this.#call.agent) {
      this.#show(this.#transcript.handoff(from, this.#call.agent));
    }
  }

  #onStatus(event) {
    if (event.state === 'closing') {
      this.#delivery.taken(event.received);
      return;
    }
    this.#step({ type: 'status', state: event.state, agent: event.agent });
    const words = statusWords(event);
    if (words) {
      this.#note(event.state === 'restored' ? 'info' : 'warning', words);
    }
  }

  // ---- what the person sees -------------------------------------------------------------------------------

  #isIdle() {
    return ['idle', 'closed'].includes(this.#connection.state.name);
  }

  #step(event) {
    const next = stepCall(this.#call, event);
    if (next !== this.#call) {
      this.#call = next;
      this.#draw();
    }
  }

  #note(level, text) {
    this.#show(this.#transcript.notice(level, text));
  }

  #show(entry) {
    if (entry) {
      this.#lines.show(entry, this.#transcript.entries[0]);
    }
  }

  #draw() {
    this.#stage.show({
      connection: this.#connection.state,
      call: this.#call,
      microphone: this.#microphone.name,
      agentSpeaks: this.#playback.isSpeaking,
      personSpeaks: this.#microphone.isSpeaking,
      banner: this.#banner,
      canRejoin: this.#isIdle() && this.#token.value !== '',
      now: performance.now(),
    });
    this.#onTick();
  }

  #onTick() {
    this.#stage.showTimes(this.#call, performance.now());
    const { name, dueAt } = this.#connection.state;
    this.#stage.showCountdown(name === 'waiting' ? dueAt - Date.now() : null);
  }

  #animate() {
    this.#stage.showLevels(this.#microphone.level, this.#playback.level());
    requestAnimationFrame(() => this.#animate());
  }
}

function bannerFor(state) {
  switch (state.name) {
    case 'waiting':
      return { level: 'warning', code: state.why.code, text: `${state.why.words} Reconnecting`, canReconnect: true };
    case 'closed':
      return { level: state.why.code === 1000 ? 'info' : 'error', code: state.why.code, text: state.why.words };
    default:
      return null;
  }
}

async function fetchJson(url) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(REST_TIMEOUT_MS) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the page works without: built-in choices, gateway beside the page
  }
}

const config = await fetchJson('config.json');
const app = new App(config?.gatewayUrl ?? `ws://${location.hostname}:8080`);
await app.loadWorkflows();
