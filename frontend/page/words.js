// Events in words that a person understands.

import { describeAgent } from './agents.js';

const TOOLS = {
  perform_idv_check: ['Checking your details', 'Details checked', 'Your details could not be checked'],
  agentcore_balance: ['Looking up your balance', 'Balance found', 'The balance could not be read'],
  get_account_transactions: ['Fetching your transactions', 'Transactions found', 'The transactions could not be read'],
  uk_branch_lookup: ['Looking for a branch', 'Branch found', 'No branch could be found'],
  calculate_max_loan: ['Working out how much you can borrow', 'Loan worked out', 'The loan could not be worked out'],
  get_mortgage_rates: ['Fetching mortgage rates', 'Rates found', 'The rates could not be read'],
};
const HANDOFF_TOOL = /^(transfer_to_\w+|return_to_triage|handoff_\w+)$/;

/** The line for a tool call; null for hand-off tools, which have their own marker. */
export function toolWords({ name, state }) {
  const base = name.split('___').at(-1);
  if (HANDOFF_TOOL.test(base)) {
    return null;
  }
  const plain = base.replace(/[-_]+/g, ' ');
  const known = Object.hasOwn(TOOLS, base) ? TOOLS[base] : [`Using ${plain}`, `Used ${plain}`, `Could not use ${plain}`];
  return known[['running', 'done', 'failed'].indexOf(state)];
}

export function handoffWords({ from, to }) {
  return `${describeAgent(from).name} handed you to ${describeAgent(to).name}`;
}

/** An `error` message of the service. */
export function errorWords({ message }) {
  if (/no agents? available|agent connection not available/i.test(message)) {
    return 'No agent is free at the moment. Please stay on the line, or try again shortly.';
  }
  if (/failed to connect to agent/i.test(message)) {
    return 'We could not reach the agent. Please stay on the line.';
  }
  const readable = /^[\p{Lu}][^{}<>[\]\\]{3,240}$/u.test(message) && !/\b(?:Error|exception|undefined|null)\b/.test(message);
  return readable ? message : 'Something went wrong at our end. Please say that again.';
}

/** A `status` message of the service. */
export function statusWords({ state, agent, message }) {
  if (message) {
    return message;
  }
  const name = agent ? describeAgent(agent).name : 'your agent';
  switch (state) {
    case 'reconnecting':
      return `One moment: we are getting ${name} back on the line.`;
    case 'restored':
      return `You are back with ${name}.`;
    default:
      return '';
  }
}
