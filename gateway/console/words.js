// Figures and events in words that a person understands.

const STATES = {
  backing_off: 'Backing off',
  cutting_over: 'Cutting over',
  dialling: 'Dialling',
  initialising: 'Initialising',
  picking: 'Finding an agent',
};
const REASONS = {
  start: 'Started with',
  handoff: 'Handed over to',
  failover: 'Failed over to',
  rotation: 'Rotated to',
  drain: 'Moved off a draining instance, to',
  transfer: 'Transferred to',
  resume: 'Resumed with',
};
const OUTCOMES = {
  fell_back: 'Fell back to another agent',
  returned: 'The old agent stayed',
  failed: 'Nobody could be reached',
  abandoned: 'Abandoned',
};
export const HEALTH_WORDS = {
  failing: 'Failing',
  troubled: 'No agent',
  changing: 'Recovering',
  away: 'Parked',
  idle: 'Idle',
  well: 'Healthy',
};

export function stateWords(state) {
  return STATES[state] ?? plain(state);
}

/** `fell_back` is "Fell back". */
export function plain(word) {
  const text = String(word ?? '').replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A span in a few characters: 840 ms, 3.2 s, 4 min, 2 h 5 min. */
export function span(ms) {
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  }
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** When the last frame came. */
export function audioWords(at, now) {
  if (at === null || at === undefined) {
    return '–';
  }
  return at === 0 ? 'flowing' : span(Math.max(0, now - at));
}

export function delayWords(added) {
  return added?.length === 2 ? `${figure(added[0])} / ${figure(added[1])}` : '–';
}

export function figure(value) {
  if (value === null || value === undefined) {
    return '–';
  }
  return value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function bytes(count) {
  if (!count) {
    return '–';
  }
  return count < 1024 ? `${count} B` : count < 1024 * 1024 ? `${Math.round(count / 1024)} KB` : `${(count / 1024 / 1024).toFixed(1)} MB`;
}

export function rate(count, seconds) {
  const value = seconds ? (count ?? 0) / seconds : 0;
  return value >= 10 ? String(Math.round(value)) : value.toFixed(1);
}

export function clock(at) {
  return new Date(at).toLocaleTimeString('en-GB');
}

export function count(number) {
  return new Intl.NumberFormat('en-GB').format(number ?? 0);
}

/** What the failure table says to a cause. */
export function policyWords(policy) {
  if (!policy) {
    return '';
  }
  const first = policy.bar ? 'this instance never again' : policy.avoid ? 'another instance first' : 'the same instance may be tried';
  const then = policy.when_none === 'fall_back' ? 'then fall back to triage' : 'then back off and try again';
  return `Restart: ${first}, ${then}`;
}

/** An event as {title, text, tone, mark}; the tone is a health, the mark an icon's name. */
export function eventWords(event) {
  switch (event.event) {
    case 'began':
      return words(event.taken_up ? 'Call taken up' : 'Caller connected', event.taken_up ? 'from another session' : '', 'idle', 'call');
    case 'routed':
      return words(`Routed to ${event.agent}`, `${plain(event.reason)} · ${event.url}`, 'idle', 'route');
    case 'dialled':
      return words(`Dialled ${event.agent}`, `link ${event.generation} · ${event.url}`, 'idle', 'route');
    case 'link_lost':
      return words(`Lost the link to ${event.agent}: ${plain(event.cause).toLowerCase()}`, event.detail, 'failing', 'broken', policyWords(event.policy));
    case 'link_ended':
      return words(`Link ${event.generation} ended`, '', 'idle', 'end');
    case 'swap':
      return swapWords(event);
    case 'parked':
      return words('Parked', `the caller's connection ended; waiting up to ${span(event.window_s * 1000)}`, 'away', 'pause');
    case 'resumed':
      return words('Resumed', 'the caller is back', 'well', 'call');
    case 'ended':
      return words(`Ended: ${plain(event.verdict).toLowerCase()}`, `after ${span(event.duration_s * 1000)} · close code ${event.code}`, event.good ? 'idle' : 'failing', 'end');
    case 'actor_restarting':
      return words(`${event.actor} restarts`, `in ${span(event.after_s * 1000)} · ${event.restarts_left} restarts left`, 'changing', 'broken');
    default:
      return words(plain(event.event), '', 'idle', 'route');
  }
}

function words(title, text, tone, mark, more = '') {
  return { title, text, tone, mark, more };
}

function swapWords(event) {
  const done = event.outcome === 'done';
  const title = done ? `${REASONS[event.reason] ?? plain(event.reason)} ${event.to}` : `${plain(event.reason)}: ${OUTCOMES[event.outcome] ?? plain(event.outcome)}`;
  const tone = done ? 'well' : event.outcome === 'failed' ? 'failing' : 'changing';
  return words(title, `${span(event.took_ms)} in all · ${span(event.gap_ms)} without an agent`, tone, 'swap');
}

/** A receipt as pairs of name and value. */
export function receiptRows(event) {
  const kept = event.replayed ?? {};
  return [
    ['From', event.from],
    ['To', event.to],
    ['Attempts', event.attempts],
    ['Without an agent', span(event.gap_ms)],
    ['Replayed', `${kept.texts ?? 0} texts, ${kept.audio_frames ?? 0} frames`],
    ['Dropped', `${kept.dropped_frames ?? 0} frames`],
    ['Memory', event.memory_keys?.length ? event.memory_keys.join(', ') : 'none'],
  ];
}
