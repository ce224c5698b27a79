// What is known about the call, apart from the transcript: one frozen state and a pure step.

import { agentIdOf, DEFAULT_WORKFLOW } from './agents.js';

const QUIET_BEFORE_REPLY_MS = 200; // sound that arrives closer to the person's own words is the old turn's tail

export const NO_CALL = Object.freeze({
  workflowId: DEFAULT_WORKFLOW,
  agent: DEFAULT_WORKFLOW,
  sessionId: '',
  startedAt: null, // ms; null: no call
  endedAt: null,
  holding: false, // the service is getting the agent back
  spokeAt: null, // when the person's latest words ended, while the reply is awaited
  latencyMs: null,
});

/** One step: (state, event) -> state. Times are ms of one clock. */
export function stepCall(state, event) {
  switch (event.type) {
    case 'chosen':
      return state.startedAt !== null && state.endedAt === null
        ? state
        : { ...state, workflowId: event.workflowId, agent: agentIdOf(event.workflowId) };
    case 'dialled':
      return { ...NO_CALL, workflowId: state.workflowId, agent: agentIdOf(state.workflowId) };
    case 'connected':
      return connected(state, event);
    case 'handoff':
      return { ...state, agent: agentIdOf(event.target), holding: false };
    case 'status':
      return { ...state, holding: event.state === 'reconnecting', agent: agentIdOf(event.agent || state.agent) };
    case 'heard': // the person spoke, or sent a line
      return { ...state, spokeAt: event.at };
    case 'reply': // the first sound of the agent's turn
      return reply(state, event.at);
    case 'ended':
      return { ...state, endedAt: state.startedAt === null ? null : event.at, holding: false, spokeAt: null };
    default:
      throw new Error(`unknown event ${event.type}`);
  }
}

/** True if this `connected` continues the call that the page already shows. */
export function continues(state, event) {
  return event.resumed || (state.sessionId !== '' && state.sessionId === event.sessionId);
}

function connected(state, event) {
  const fresh = agentIdOf(event.agent || state.workflowId);
  return {
    ...state,
    sessionId: event.sessionId,
    agent: continues(state, event) ? agentIdOf(event.agent || state.agent) : fresh,
    startedAt: state.startedAt ?? event.at,
    holding: false,
    spokeAt: null,
  };
}

function reply(state, at) {
  if (state.spokeAt === null || at - state.spokeAt < QUIET_BEFORE_REPLY_MS) {
    return state;
  }
  return { ...state, spokeAt: null, latencyMs: at - state.spokeAt };
}

/** m:ss, or h:mm:ss from an hour on. */
export function clock(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}
