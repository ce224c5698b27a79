// Who the caller can talk to: names, colours and glyphs of the six agents, and how persona ids map to them.

const AGENTS = {
  triage: { name: 'Triage', hint: 'Finds the right colleague for you', hue: 212, glyph: 'glyph-triage' },
  idv: { name: 'Identity verification', hint: 'Makes sure that you are you', hue: 262, glyph: 'glyph-idv' },
  banking: { name: 'Banking', hint: 'Balances, transactions and branches', hue: 162, glyph: 'glyph-banking' },
  mortgage: { name: 'Mortgages', hint: 'Rates and how much you can borrow', hue: 28, glyph: 'glyph-mortgage' },
  disputes: { name: 'Disputes', hint: 'Payments that you do not recognise', hue: 344, glyph: 'glyph-disputes' },
  investigation: { name: 'Investigations', hint: 'Follows up on open cases', hue: 190, glyph: 'glyph-investigation' },
};

const ALIASES = {
  'persona-SimpleBanking': 'banking',
  'persona-BankingDisputes': 'disputes',
  'persona-mortgage': 'mortgage',
  'banking-master': 'banking',
  'transaction-investigation': 'investigation',
  'idv-simple': 'idv',
  idv_simple: 'idv',
  return_to_triage: 'triage',
};

export const DEFAULT_WORKFLOW = 'triage';
export const FALLBACK_WORKFLOWS = Object.entries(AGENTS).map(([id, { name }]) => ({ id, name, voiceId: '' }));

const MAX_WORKFLOWS = 50;

/** The agent id behind a workflow or persona id. */
export function agentIdOf(workflowId) {
  return Object.hasOwn(ALIASES, workflowId) ? ALIASES[workflowId] : workflowId;
}

/** Name, hint, hue and glyph of any agent; one that we do not know gets a name made from its id. */
export function describeAgent(id) {
  const agentId = agentIdOf(id);
  if (Object.hasOwn(AGENTS, agentId)) {
    return { id: agentId, ...AGENTS[agentId] };
  }
  return { id: agentId, name: prettyName(agentId), hint: '', hue: hueOf(agentId), glyph: 'glyph-agent' };
}

/** The list of GET /api/personas as choices; null if it holds nothing usable. */
export function workflowsFrom(personas) {
  if (!Array.isArray(personas)) {
    return null;
  }
  const choices = personas
    .filter((persona) => typeof persona?.id === 'string' && persona.id.length > 0 && persona.id.length <= 80)
    .slice(0, MAX_WORKFLOWS)
    .map(({ id, name, voiceId }) => ({
      id,
      name: typeof name === 'string' && name.trim() ? name.trim().slice(0, 60) : describeAgent(id).name,
      voiceId: typeof voiceId === 'string' ? voiceId : '',
    }));
  const first = (choice) => (choice.id === DEFAULT_WORKFLOW ? 0 : 1);
  return choices.length > 0 ? choices.sort((a, b) => first(a) - first(b)) : null;
}

function prettyName(id) {
  const words = id.replace(/^persona-/, '').replace(/[-_]+/g, ' ').trim() || 'Agent';
  return words[0].toUpperCase() + words.slice(1);
}

function hueOf(id) {
  return [...id].reduce((hue, letter) => (hue * 31 + letter.codePointAt(0)) % 360, 7);
}
