// The server, as functions. See the server's OpenAPI description for the shapes.

import { remembered } from "./dom.js";

const PATIENCE_MS = 20000;

export class ApiError extends Error {
  /** `status` is 0 where no answer came. */
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether the same request may succeed later: no answer, no permission yet, too many requests, trouble in the server. */
  get isPassing() {
    return [0, 401, 403, 408, 429].includes(this.status) || this.status >= 500;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch {
    throw new ApiError(0, "The server does not answer.");
  }
  let body = null;
  try {
    body = await response.json();
  } catch {
    if (response.ok) throw new ApiError(0, "The answer of the server was cut off.");
  }
  if (!response.ok) throw new ApiError(response.status, body?.error ?? `The server answered ${response.status}.`);
  return body;
}

/** GET with a query; null and undefined values are left out. */
export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return call(search ? `${path}?${search}` : path, {});
}

/** The name under which decisions are kept: the person's own, else the server's. */
export const reviewer = () => remembered("reviewer", "") || document.body.dataset.reviewer;

/** POST JSON, as `name` where one is given (a decision keeps the name it was made under). */
export function post(path, body, name = reviewer()) {
  // The workspace goes along: a page left open must not write into another one that is served on its port later.
  const headers = { "Content-Type": "application/json", "X-Noisette": "1", "X-Noisette-Workspace": document.body.dataset.workspace };
  if (name) headers["X-Noisette-Reviewer"] = encodeURIComponent(name);
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}
