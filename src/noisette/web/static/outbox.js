// Decisions on their way to the server. Each has a `client_id` before it is sent and lies in localStorage until the
// server has answered, so that a lost connection, a closed tab or a crash loses none; sent twice, it counts once.

import { ApiError, post, reviewer } from "./api.js";

const PATHS = { decision: "/api/decisions", bulk: "/api/decisions/bulk", undo: "/api/undo" };
export const BULK_LIMIT = 200; // pictures, or decisions to take back, in one request
const WAITS_MS = [300, 1000, 2000, 5000, 10000];

export class Outbox {
  /**
   * `workspace` keeps data sets apart that are served on one port at different times. `hooks`: `sent(entry, answer)`,
   * `refused(entry, error)`, `changed(outbox)`.
   */
  constructor(workspace, hooks) {
    this.prefix = `noisette.unsent.${workspace}.`;
    this.hooks = hooks;
    this.decisionIds = new Map();
    this.entries = this.readStored();
    this.failures = 0;
    this.isSending = false;
    addEventListener("online", () => this.send());
  }

  /** Put a decision in and send it. `body` has everything but the client_id. */
  add(kind, body, extra = {}) {
    const client_id = newId();
    const entry = { kind, client_id, body, reviewer: reviewer(), time: Date.now(), attempts: 0, ...extra };
    this.entries.push(entry);
    this.keep(entry);
    this.send();
    return entry;
  }

  /**
   * Take decisions back, together: those never sent are forgotten, the others undone once their numbers are known.
   * Each undo goes under the name that the decision was made under.
   */
  undo(entries) {
    const sent = entries.filter((entry) => entry.attempts > 0 || !this.entries.includes(entry));
    for (const entry of entries) if (!sent.includes(entry)) this.drop(entry);
    const refs = sent.flatMap((entry) => sampleIds(entry).map((sample_id, position) => ({ of: entry.client_id, position, sample_id })));
    for (let start = 0; start < refs.length; start += BULK_LIMIT) {
      const some = refs.slice(start, start + BULK_LIMIT);
      this.add("undo", { decision_ids: some.map((ref) => this.idOf(ref)) }, { refs: some, reviewer: sent[0].reviewer });
    }
    this.hooks.changed(this);
  }

  /** Take back a decision of which only the number is known. */
  undoNumber(decision_id, sample_id) {
    this.add("undo", { decision_ids: [decision_id] }, { refs: [{ sample_id }] });
  }

  idOf({ of, position }) {
    return this.decisionIds.get(of)?.[position] ?? null;
  }

  /** Whether something about this sample is still to be sent. */
  holds(id) {
    return this.entries.some((entry) => sampleIds(entry).includes(id));
  }

  async send() {
    if (this.isSending) return;
    this.isSending = true;
    clearTimeout(this.timer);
    while (this.entries.length > 0) {
      this.hooks.changed(this);
      const entry = this.entries[0];
      try {
        await this.sendOne(entry);
        this.failures = 0;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.trouble = error;
        if (error.isPassing) break;
        this.drop(entry);
        this.hooks.refused(entry, error);
      }
    }
    this.isSending = false;
    if (this.entries.length > 0) {
      this.timer = setTimeout(() => this.send(), WAITS_MS[Math.min(this.failures, WAITS_MS.length - 1)]);
      this.failures += 1;
    }
    this.hooks.changed(this);
  }

  async sendOne(entry) {
    entry.attempts += 1;
    this.keep(entry);
    if (entry.kind === "undo") {
      entry.refs = entry.refs.filter((_, i) => entry.body.decision_ids[i] !== null); // what it would undo was refused
      entry.body.decision_ids = entry.body.decision_ids.filter((id) => id !== null);
      if (entry.refs.length === 0) return this.drop(entry);
    }
    const body = entry.kind === "undo" ? entry.body : { client_id: entry.client_id, ...entry.body };
    const answer = await post(PATHS[entry.kind], body, entry.reviewer);
    if (entry.kind !== "undo") this.learnIds(entry, answer.decision_ids ?? [answer.decision_id]);
    this.drop(entry);
    this.hooks.sent(entry, answer);
  }

  /** An undo that waits learns its decisions' numbers at once: after a crash there would be nobody left to ask. */
  learnIds(entry, ids) {
    this.decisionIds.set(entry.client_id, ids);
    for (const undo of this.entries.filter((other) => other.refs?.some(({ of }) => of === entry.client_id))) {
      undo.body.decision_ids = undo.refs.map((ref, i) => undo.body.decision_ids[i] ?? this.idOf(ref));
      this.keep(undo);
    }
  }

  drop(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    try {
      localStorage.removeItem(this.prefix + entry.client_id);
    } catch {
      // Without storage there is nothing to remove.
    }
  }

  /** One storage item an entry: two tabs never write over each other. */
  keep(entry) {
    try {
      localStorage.setItem(this.prefix + entry.client_id, JSON.stringify(entry));
    } catch {
      // Without storage the entry lives as long as the page.
    }
  }

  readStored() {
    const found = [];
    try {
      for (let i = 0; i < localStorage.length; i += 1) {
        const name = localStorage.key(i);
        if (name.startsWith(this.prefix)) found.push(JSON.parse(localStorage.getItem(name)));
      }
    } catch {
      return [];
    }
    return found.sort((a, b) => a.time - b.time);
  }
}

/** The samples that an entry is about, in the order of its decision ids. */
export function sampleIds(entry) {
  if (entry.kind === "undo") return entry.refs.map((ref) => ref.sample_id);
  return entry.kind === "bulk" ? entry.body.sample_ids : [entry.body.sample_id];
}

/** A random UUID; `crypto.randomUUID` is there on https and loopback only. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
