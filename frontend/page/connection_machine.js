// The life of the connection as one state and one pure step. Every dial is a new generation, and an event of
// an older generation has no effect: a socket that ends late cannot end its successor.
//
//   idle -> connecting -> open -> waiting -> connecting ...      (closed by something temporary)
//                           \-> closed                           (closed for good, or given up)

import { verdictOn } from './close_codes.js';

export const DIAL_TIMEOUT_MS = 10_000; // a slow phone network needs some 3 s; after 10 s nobody answers
export const STABLE_MS = 5_000; // a connection that lived this long has earned a fresh backoff
export const MAX_ATTEMPTS = 12; // about two minutes in all; then a person decides
const FIRST_DELAY_MS = 400;
const SLOW_FIRST_DELAY_MS = 3_000; // "busy" must not be answered with a storm
const MAX_DELAY_MS = 15_000;

export const IDLE = Object.freeze({ name: 'idle', generation: 0, attempt: 0 });

/** Pause before attempt number `attempt` (1 is the first); `random` in [0, 1) spreads it over its upper half. */
export function delayBefore(attempt, slow, random) {
  const first = slow ? SLOW_FIRST_DELAY_MS : FIRST_DELAY_MS;
  const full = Math.min(MAX_DELAY_MS, first * 2 ** (attempt - 1));
  return Math.round(full * (0.5 + random / 2));
}

/**
 * One step: (state, event, {now, random}) -> {state, effects}.
 * Events: connect, online, hang_up; opened, closed {code, reason}, silent (with generation); timer (with generation).
 * Effects: {do: 'dial', generation}, {do: 'close'}, {do: 'timer', ms, generation}. A state has at most one timer;
 * leaving the state cancels it.
 */
export function step(state, event, { now, random }) {
  switch (event.type) {
    case 'connect':
      return state.name === 'idle' || state.name === 'closed' ? dial(state, 0) : stay(state);
    case 'hang_up':
      return hangUp(state);
    case 'online':
      return state.name === 'waiting' ? dial(state, state.attempt) : stay(state);
    default:
      return event.generation === state.generation ? stepCurrent(state, event, now, random) : stay(state);
  }
}

function stepCurrent(state, event, now, random) {
  const key = `${state.name}/${event.type}`;
  switch (key) {
    case 'connecting/opened':
      return { state: { ...state, name: 'open', openedAt: now }, effects: [] };
    case 'connecting/timer':
      return lost(state, { code: 1006, reason: '' }, now, random, [{ do: 'close' }]);
    case 'open/silent':
      return lost(state, { code: 1006, reason: '' }, now, random, [{ do: 'close' }]);
    case 'connecting/closed':
    case 'open/closed':
      return lost(state, event, now, random, []);
    case 'waiting/timer':
      return dial(state, state.attempt);
    default:
      return stay(state);
  }
}

function dial(state, attempt) {
  const generation = state.generation + 1;
  return {
    state: { name: 'connecting', generation, attempt },
    effects: [
      { do: 'dial', generation },
      { do: 'timer', ms: DIAL_TIMEOUT_MS, generation },
    ],
  };
}

function lost(state, { code, reason }, now, random, effects) {
  const { reconnect, words, slow } = verdictOn(code);
  const earned = state.name === 'open' && now - state.openedAt >= STABLE_MS;
  const attempt = (earned ? 0 : state.attempt) + 1;
  const { generation } = state;
  const why = { code, reason, words };
  if (!reconnect) {
    return { state: { name: 'closed', generation, attempt: 0, why }, effects };
  }
  if (attempt > MAX_ATTEMPTS) {
    const givenUp = { ...why, words: `${words} We tried ${MAX_ATTEMPTS} times to get you back.` };
    return { state: { name: 'closed', generation, attempt: 0, why: givenUp }, effects };
  }
  const ms = delayBefore(attempt, slow, random);
  return {
    state: { name: 'waiting', generation, attempt, why, dueAt: now + ms },
    effects: [...effects, { do: 'timer', ms, generation }],
  };
}

function hangUp(state) {
  const effects = state.name === 'connecting' || state.name === 'open' ? [{ do: 'close' }] : [];
  return { state: { name: 'idle', generation: state.generation + 1, attempt: 0 }, effects };
}

function stay(state) {
  return { state, effects: [] };
}
