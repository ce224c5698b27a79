// The life of one call, worked out from its steps. Pure.

const SERVED = new Set(['done', 'fell_back']);

/** Who served the caller when: {from, to, spans: [{kind, agent, from, to}], marks: [{at, tone}]}. */
export function lifeOf(story, now) {
  const life = { from: story.began, to: story.live ? now : (story.steps.at(-1)?.at ?? story.began), spans: [], marks: [] };
  let open = { kind: 'gap', agent: '', from: story.began };
  let generation = 0;
  let parked = null;
  const turn = (at, next) => {
    if (at > open.from) {
      life.spans.push({ ...open, to: at });
    }
    open = next;
  };
  for (const step of story.steps) {
    if (step.event === 'dialled') {
      generation = step.generation;
    } else if (step.event === 'swap' && SERVED.has(step.outcome)) {
      turn(step.at, { kind: 'agent', agent: step.to, from: step.at, generation });
      life.marks.push({ at: step.at, tone: 'well' });
    } else if (step.event === 'link_lost') {
      if (open.generation === step.generation) {
        turn(step.at, { kind: 'gap', agent: '', from: step.at });
      }
      life.marks.push({ at: step.at, tone: 'failing' });
    } else if (step.event === 'parked') {
      parked = step.at;
    } else if (step.event === 'resumed' && parked !== null) {
      life.spans.push({ kind: 'parked', agent: '', from: parked, to: step.at });
      parked = null;
    }
  }
  turn(life.to, open);
  if (parked !== null) {
    life.spans.push({ kind: 'parked', agent: '', from: parked, to: life.to });
  }
  return life;
}

/** One row per link that was dialled: {generation, agent, url, reason, from, to, end, cause, detail}. */
export function linksOf(story) {
  const links = new Map();
  for (const step of story.steps) {
    if (step.event === 'dialled') {
      links.set(step.generation, { ...step, from: step.at, to: null, end: story.live ? 'open' : 'ended', cause: '', detail: '' });
    }
    const link = links.get(step.generation);
    if (link && step.event === 'link_lost') {
      Object.assign(link, { to: step.at, end: 'lost', cause: step.cause, detail: step.detail });
    } else if (link && step.event === 'link_ended') {
      Object.assign(link, { to: link.to ?? step.at, end: link.end === 'lost' ? 'lost' : 'ended' });
    } else if (step.event === 'ended') {
      links.forEach((open) => Object.assign(open, { to: open.to ?? step.at, end: open.end === 'open' ? 'ended' : open.end }));
    }
  }
  return [...links.values()].reverse();
}
