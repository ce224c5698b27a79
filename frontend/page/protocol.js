// The wire protocol: what arrives becomes one of a closed set of plain events, what leaves is built here.
// Nothing from the network gets past this file without its shape being checked.

const MAX_TEXT = 20_000; // characters of one transcript or notice; far above any spoken turn
const HIDDEN_TEXT = /^\s*\[system\b|\[SYSTEM_INJECTION\]/i;
const TAGS = /\s*\[(?:SENTIMENT|STEP|WORKFLOW):[^\]]*\]\s*/g;

/** Reads a text frame. Gives {kind: ...}; kind 'ignored' for what the page has no use for. */
export function parseText(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return { kind: 'ignored', why: 'not JSON' };
  }
  return parseMessage(message);
}

/**
 * Reads a binary frame: audio, unless it starts with "{" and is a whole JSON message (the oldest gateways send
 * those). Gives {kind: 'audio', samples: Int16Array} or what parseText gives.
 */
export function parseBinary(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes[0] === 0x7b) {
    const message = tryDecode(bytes);
    if (typeof message?.type === 'string') {
      return parseMessage(message);
    }
  }
  return { kind: 'audio', samples: toSamples(bytes) };
}

function tryDecode(bytes) {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}

function toSamples(bytes) {
  const samples = new Int16Array(Math.ceil(bytes.length / 2)); // an odd last byte is padded with zero
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < bytes.length >> 1; i += 1) {
    samples[i] = view.getInt16(2 * i, true);
  }
  if (bytes.length % 2 === 1) {
    samples[samples.length - 1] = bytes[bytes.length - 1];
  }
  return samples;
}

function parseMessage(message) {
  if (message === null || typeof message !== 'object' || typeof message.type !== 'string') {
    return { kind: 'ignored', why: 'no type' };
  }
  const parse = Object.hasOwn(PARSERS, message.type) ? PARSERS[message.type] : null;
  return parse?.(message) ?? { kind: 'ignored', why: message.type };
}

const PARSERS = {
  connected: (m) => ({
    kind: 'connected',
    sessionId: string(m.sessionId),
    resumeToken: string(m.resumeToken),
    resumed: m.resumed === true,
    agent: string(m.agent),
    seq: m.seq,
    received: m.received,
  }),
  transcript: parseTranscript,
  handoff_event: (m) => (string(m.target) ? { kind: 'handoff', target: m.target } : null),
  tool_use: (m) => parseTool(m, 'running'),
  tool_result: (m) => parseTool(m, m.success === false || m.error ? 'failed' : 'done'),
  tool_error: (m) => parseTool(m, 'failed'),
  interruption: () => ({ kind: 'interruption' }),
  status: (m) => ({
    kind: 'status',
    state: string(m.state),
    agent: string(m.agent),
    message: string(m.message),
    received: m.received,
  }),
  error: (m) => ({
    kind: 'error',
    message: string(m.message),
    code: m.code === undefined ? '' : String(m.code),
    fatal: m.fatal === true,
  }),
  pong: () => ({ kind: 'pong' }),
};

function parseTranscript(message) {
  const { role } = message;
  const raw = string(message.text) || string(message.transcript);
  if ((role !== 'user' && role !== 'assistant') || HIDDEN_TEXT.test(raw)) {
    return null;
  }
  const text = raw.replace(TAGS, ' ').trim();
  if (!text) {
    return null;
  }
  return { kind: 'transcript', id: string(message.id), role, text, final: message.isFinal !== false };
}

function parseTool(message, state) {
  const name = string(message.toolName) || string(message.name);
  return name ? { kind: 'tool', id: string(message.toolUseId) || name, name, state } : null;
}

function string(value) {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

// ---- outgoing ----------------------------------------------------------------------------------------------

export const selectWorkflow = (workflowId) =>
  JSON.stringify({ type: 'select_workflow', workflowId, interactionMode: 'chat_voice' });

export const sessionConfig = (voiceId) =>
  JSON.stringify({
    type: 'sessionConfig',
    config: {
      brainMode: 'raw_nova',
      ...(voiceId ? { voiceId } : {}),
      enableGuardrails: true,
      selectedTools: [],
      linkedWorkflows: [],
    },
  });

export const textInput = (text) => JSON.stringify({ type: 'text_input', text });
export const endOfSpeech = () => JSON.stringify({ type: 'end_of_speech' });
export const ping = () => JSON.stringify({ type: 'ping' });

/** The socket's address: the configured base, "/sonic" unless it names it already, and the resume token. */
export function socketUrl(gatewayUrl, resumeToken, seen = 0) {
  const url = new URL(gatewayUrl);
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith('/sonic') ? path : `${path}/sonic`;
  if (resumeToken) {
    url.searchParams.set('resume', resumeToken);
    url.searchParams.set('seen', seen);
  }
  return url.href;
}

/** Where the gateway answers HTTP, without a slash at the end. */
export function restUrl(gatewayUrl) {
  const url = new URL(gatewayUrl);
  const scheme = url.protocol === 'wss:' ? 'https:' : 'http:';
  const path = url.pathname.replace(/\/+$/, '').replace(/\/sonic$/, '');
  return `${scheme}//${url.host}${path}`;
}
