// Requests to the gateway that this page came from.

const KEPT = 'understudy-admin-token';

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Api {
  #token = sessionStorage.getItem(KEPT) ?? '';

  /** The token is kept for this tab only. */
  set token(token) {
    this.#token = token;
    sessionStorage.setItem(KEPT, token);
  }

  async open(path, signal) {
    const response = await fetch(path, { headers: this.#headers(), signal, cache: 'no-store' });
    if (!response.ok) {
      throw await problem(response);
    }
    return response;
  }

  async get(path) {
    return (await this.open(path)).json();
  }

  async send(method, path, body) {
    const headers = { ...this.#headers(), ...(body ? { 'Content-Type': 'application/json' } : {}) };
    const response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : undefined });
    if (!response.ok) {
      throw await problem(response);
    }
    return response.json();
  }

  #headers() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }
}

async function problem(response) {
  const body = await response.json().catch(() => ({}));
  return new ApiError(response.status, body.error ?? `the gateway answers ${response.status}`);
}
