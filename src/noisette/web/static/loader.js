// Pictures come in pages; the next one is fetched before the person gets there.

import { get } from "./api.js";
import { byId, make } from "./dom.js";
import { count, many } from "./words.js";

const PAGE = 120;
const AGAIN_MS = 3000;
const WHEN_EMPTY = { plan: "No suggestion is left. “noisette plan” draws new ones.", suspicious: "No suspicious label is left to check.", disagreement: "There is no picture on which people disagree." };

export class Loader {
  constructor(board, decider, query) {
    Object.assign(this, { board, decider, query, cursor: null, isDone: false, isBusy: false, run: 0 });
  }

  /** Begin again from the first page, on the first open picture. */
  async reload() {
    this.run += 1;
    Object.assign(this, { cursor: null, isDone: false, isBusy: false });
    this.board.clear();
    scrollTo({ top: 0 });
    await this.more();
    const first = this.board.items.findIndex((item) => item.state === "open");
    if (first > 0) this.board.goTo(first, { focus: this.board.hasFocus() });
    else if (this.board.current) this.board.hooks.moved(this.board.current);
  }

  /** Fetch the next page, unless there is none or one is on its way. */
  async more() {
    if (this.isBusy || this.isDone) return;
    this.isBusy = true;
    const { run } = this;
    byId("more").textContent = "Loading…";
    try {
      const page = await get("/api/grid", { ...this.query, only: byId("show").value, cursor: this.cursor, limit: PAGE });
      if (run !== this.run) return;
      this.cursor = page.next_cursor;
      this.isDone = page.next_cursor === null;
      this.board.total = page.total;
      this.isBusy = false;
      this.decider.applyWaiting(page.items);
      this.board.append(page.items);
      this.showRest();
    } catch (error) {
      if (run !== this.run) return;
      byId("more").textContent = `${error.message} Trying again…`;
      setTimeout(() => { if (run === this.run) { this.isBusy = false; this.more(); } }, AGAIN_MS);
    }
  }

  showRest() {
    const { length } = this.board.items;
    const isEmpty = length === 0;
    const onwards = make("a", { href: "/" }, "All classes and queues");
    byId("more").replaceChildren(...(!this.isDone ? [`${count(length)} of ${count(this.board.total)} loaded`] : isEmpty ? [] : [`That is all: ${many(length, "picture")}. `, onwards]));
    byId("empty").hidden = !isEmpty;
    document.body.classList.toggle("nothing", isEmpty && this.query.class_id === null); // no picture: no class beside it
    if (!isEmpty) return;
    const words = WHEN_EMPTY[this.query.queue] ?? (byId("show").value === "open" ? "Nothing is left to check here." : "There are no pictures here.");
    byId("empty").replaceChildren(words, make("br"), onwards);
  }
}
