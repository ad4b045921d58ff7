// Decisions of the person at this page: shown at once, sent in the background, undone in reverse order.

import { reviewer } from "./api.js";
import { BULK_LIMIT, sampleIds } from "./outbox.js";

const LONGEST_S = 120; // whoever looks longer at a picture was elsewhere

export class Decider {
  /** `changed()` is called after what the board shows has changed. */
  constructor(board, outbox, queue, changed) {
    Object.assign(this, { board, outbox, queue, changed });
    this.done = [];
    this.since = performance.now();
  }

  /** Decide on items: `verdict` as in the API, `label` the right class or null. */
  decide(items, verdict, label = null) {
    if (items.length === 0) return;
    const before = items.map((item) => ({ item, state: item.state, correct_label: item.correct_label, decision_id: item.decision_id }));
    const entries = items.length > 1 && label === null ? this.sendTogether(items, verdict) : this.sendEach(items, verdict, label);
    for (const item of items) {
      const isGiven = label !== null && label === item.given_label;
      Object.assign(item, { state: isGiven ? "correct" : verdict, correct_label: isGiven ? null : label, isPending: true });
    }
    this.done.push({ before, entries });
    this.since = performance.now();
    this.changed();
  }

  sendTogether(items, verdict) {
    const entries = [];
    for (let start = 0; start < items.length; start += BULK_LIMIT) {
      const sample_ids = items.slice(start, start + BULK_LIMIT).map((item) => item.id);
      entries.push(this.outbox.add("bulk", { sample_ids, verdict, queue: this.queue }));
    }
    return entries;
  }

  sendEach(items, verdict, label) {
    const seconds = this.seconds() === null ? null : this.seconds() / items.length;
    return items.map((item) => {
      const isGiven = label === item.given_label;
      return this.outbox.add("decision", { sample_id: item.id, verdict: isGiven ? "correct" : verdict, correct_label: isGiven ? null : label, seconds, queue: this.queue });
    });
  }

  seconds() {
    const seconds = (performance.now() - this.since) / 1000;
    return seconds <= LONGEST_S ? Math.round(seconds * 1000) / 1000 : null;
  }

  /**
   * Take back the last decision that this person took on this page, in one request (of up to 200 pictures);
   * where there is none, the standing one on the current picture, if the server says that it is this person's.
   * Gives the items, and whether they are open again already.
   */
  undo() {
    const place = this.done.findLastIndex(({ entries }) => entries[0].reviewer === reviewer());
    if (place >= 0) {
      const [{ before, entries }] = this.done.splice(place, 1);
      const items = before.map(({ item, ...state }) => Object.assign(this.board.find(item.id) ?? item, state));
      this.outbox.undo(entries);
      this.settle(items);
      return { items, isDone: true };
    }
    const { current } = this.board;
    if (!current?.decision_id) return { items: [], isDone: false };
    this.outbox.undoNumber(current.decision_id, current.id);
    this.settle([current]);
    return { items: [current], isDone: false };
  }

  /** The server has answered an entry: what it says about the samples counts, unless more is on its way. */
  sent(entry, answer) {
    const ids = answer.decision_ids ?? [answer.decision_id];
    const items = sampleIds(entry).map((id) => this.board.find(id));
    items.forEach((item, i) => {
      if (!item || this.outbox.holds(item.id)) return;
      if (entry.kind === "undo") Object.assign(item, serverState(answer.samples[i]));
      else item.decision_id = ids[i];
    });
    this.settle(items.filter(Boolean));
  }

  settle(items) {
    for (const item of items) item.isPending = this.outbox.holds(item.id);
    this.changed();
  }

  /** Show what waits to be sent, on pictures that have just come from the server. */
  applyWaiting(items) {
    const byId = new Map(items.map((item) => [item.id, item]));
    for (const entry of this.outbox.entries) {
      for (const id of sampleIds(entry)) {
        const item = byId.get(id);
        if (!item) continue;
        const state = entry.kind === "undo" ? !entry.refs[0].of ? {} : { state: "open", correct_label: null } : { state: entry.body.verdict, correct_label: entry.body.correct_label ?? null };
        Object.assign(item, state, { isPending: true });
      }
    }
  }

  /** Take over what the server says about samples, whoever decided; gives how many changed here. */
  merge(changes) {
    let number = 0;
    for (const change of changes) {
      const item = this.board.find(change.id);
      if (!item || this.outbox.holds(item.id) || (item.state === change.state && item.decision_id === change.decision_id)) continue;
      Object.assign(item, serverState(change));
      number += 1;
    }
    if (number > 0) this.changed();
    return number;
  }
}

const serverState = ({ state, correct_label, decision_id }) => ({ state, correct_label, decision_id });
