// What the model suggests: on demand only, so that people who verify for training are not led.

import { get } from "./api.js";
import { make } from "./dom.js";
import { percent } from "./words.js";

const PAUSE_MS = 120; // who runs through pictures with an arrow key held asks for none on the way

export class SuggestionView {
  /** `line` is the element that shows the suggestion of the current picture; `accept()` takes it. */
  constructor(board, names, line, accept) {
    Object.assign(this, { board, names, line, accept, isOn: false, known: new Map() });
    this.button = document.querySelector("[data-command=suggestion]");
  }

  toggle() {
    this.isOn = !this.isOn;
    this.button.setAttribute("aria-pressed", String(this.isOn));
    if (!this.isOn) {
      for (const item of this.board.items) delete item.suggestion;
      this.line.textContent = "";
      this.board.render();
    } else if (this.board.current) this.moved(this.board.current);
  }

  /** Forget what was suggested: the model has changed. */
  forget() {
    this.known.clear();
    for (const item of this.board.items) delete item.suggestion;
    if (this.board.current) this.moved(this.board.current);
  }

  /** The class id that is suggested for an item and shown, or null. */
  shownFor(item) {
    return this.isOn && item ? this.known.get(item.id)?.suggested_label ?? null : null;
  }

  moved(item) {
    clearTimeout(this.timer);
    this.line.textContent = "";
    if (this.isOn) this.timer = setTimeout(() => this.show(item), PAUSE_MS);
  }

  async show(item) {
    try {
      if (!this.known.has(item.id)) this.known.set(item.id, await get("/api/suggestion", { id: item.id }));
    } catch (error) {
      this.line.textContent = error.message;
      return;
    }
    if (!this.isOn || this.board.current !== item) return;
    const found = this.known.get(item.id);
    item.suggestion = this.shortly(item, found);
    this.line.replaceChildren(make("span", {}, this.fully(item, found)));
    if (item.suggestion) this.line.append(make("button", { type: "button", class: "button", onclick: this.accept }, "Accept", make("kbd", {}, "a")));
    this.board.render();
    this.board.scrollToCurrent(); // the line takes room above the buttons
  }

  shortly(item, { suggested_label }) {
    if (suggested_label === null || suggested_label === item.given_label) return "";
    return `${this.names.get(suggested_label) ?? "no class"}?`;
  }

  fully(item, { suggested_label, probability, label_quality, evidence }) {
    const parts = [];
    if (typeof label_quality === "number") parts.push(`P(correct) ${percent(label_quality)}`);
    if (suggested_label !== null && suggested_label !== item.given_label) {
      parts.push(`suggested: ${this.names.get(suggested_label) ?? "none of the classes"}${typeof probability === "number" ? ` (${percent(probability)})` : ""}`);
    }
    if (evidence) parts.push(evidence);
    return parts.length > 0 ? parts.join(" · ") : "The model says nothing about this picture yet.";
  }
}
