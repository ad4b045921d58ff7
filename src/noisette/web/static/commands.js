// What the person asks for, by key, button, click or tap.

import { byId, make, remember, remembered, say } from "./dom.js";
import { commandOf, isTaken } from "./keys.js";
import { SuggestionView } from "./suggestion.js";
import { TINY } from "./tile.js";
import { count, many, stateWords } from "./words.js";

const OWN_KEYS = new Set(["choose-dialog", "confirm-dialog", "help-dialog", "reviewer-dialog", "refit-dialog"]);

export class Commands {
  constructor({ board, decider, side, names, chooser }) {
    Object.assign(this, { board, decider, side, names, chooser });
    this.suggestions = new SuggestionView(board, names, byId("hint"), () => this.accept());
    this.marksByTap = false;
    side.take = (id) => this.chooseClass(id);
    addEventListener("keydown", (event) => this.key(event));
    for (const button of document.querySelectorAll("[data-command]")) {
      button.addEventListener("click", () => this.run(button.dataset.command));
      button.addEventListener("pointerdown", (event) => event.preventDefault()); // the grid keeps the focus
    }
    this.setUpDialogs();
    if (document.body.dataset.queue === "suspicious") this.suggestions.toggle();
  }

  setUpDialogs() {
    const [confirm, zoom, help, letters] = ["confirm-dialog", "zoom-dialog", "help-dialog", "letters"].map(byId);
    byId("confirm-yes").addEventListener("click", () => { confirm.close(); this.restIsCorrect(); });
    byId("confirm-no").addEventListener("click", () => confirm.close());
    byId("zoom-close").addEventListener("click", () => zoom.close());
    byId("help-close").addEventListener("click", () => help.close());
    byId("choose-cancel").addEventListener("click", () => byId("choose-dialog").close());
    byId("zoom-image").addEventListener("load", ({ target }) => target.classList.toggle("tiny", target.naturalWidth < TINY));
    zoom.addEventListener("close", () => this.board.goTo(this.board.index));
    letters.checked = remembered("letters", "on") === "on";
    letters.addEventListener("change", () => remember("letters", letters.checked ? "on" : "off"));
  }

  key(event) {
    const open = document.querySelector("dialog[open]");
    if (event.defaultPrevented || (open && OWN_KEYS.has(open.id)) || isTaken(event)) return;
    const found = commandOf(event, byId("letters").checked);
    if (!found || (found[0] === "escape" && open)) return;
    event.preventDefault();
    if (!event.repeat || ["left", "right", "up", "down"].includes(found[0])) this.run(...found);
  }

  run(command, argument) {
    const { board } = this;
    const step = { left: -1, right: 1, up: -board.columns, down: board.columns }[command];
    if (step) return this.step(step, argument);
    if (["correct", "wrong", "none", "unsure"].includes(command)) return this.decide(command);
    const actions = {
      digit: () => this.digit(argument), choose: () => this.choose(), rest: () => this.confirmRest(), undo: () => this.undo(),
      suggestion: () => this.suggestions.toggle(), accept: () => this.accept(), tap: () => this.toggleTap(), zoom: () => this.zoom(),
      help: () => byId("help-dialog").showModal(), escape: () => board.goTo(board.index), first: () => board.goTo(0), last: () => board.goTo(board.items.length - 1),
    };
    return actions[command]?.();
  }

  step(step, extend) {
    const { board } = this;
    const index = board.index + step;
    // Up and down stay where there is no row; left and right go through the rows.
    if (index < 0 || (index >= board.items.length && Math.abs(step) === 1)) return;
    board.goTo(index, { extend: Boolean(extend) });
  }

  decide(verdict, label = null) {
    const chosen = this.board.selection;
    if (chosen.length === 0) return;
    this.decider.decide(chosen, verdict, label);
    say(chosen.length === 1 ? `Picture ${this.board.index + 1}: ${stateWords(chosen[0], this.names)}` : `${many(chosen.length, "picture")}: ${stateWords(chosen[0], this.names)}`, true);
    this.board.goOn();
  }

  chooseClass(id) {
    this.side.used(id);
    this.decide("wrong", id);
  }

  digit(key) {
    const id = this.side.classOfDigit(key);
    if (id === null) say(`No class has the key ${key} yet.`);
    else this.chooseClass(id);
  }

  choose() {
    if (this.board.current) this.chooser.open((id) => this.chooseClass(id));
  }

  accept() {
    const id = this.suggestions.shownFor(this.board.current);
    if (id === null) say("No suggestion is shown.");
    else if (this.names.has(id)) this.chooseClass(id);
    else this.decide("none");
  }

  confirmRest() {
    const number = this.board.seenOpen().length;
    if (number === 0) return say("No open picture is left on what you have seen.");
    byId("confirm-text").replaceChildren("Mark the ", make("b", {}, many(number, "open picture")), " that you have had on screen as correct.");
    byId("confirm-dialog").showModal();
    byId("confirm-yes").focus();
    return undefined;
  }

  restIsCorrect() {
    const items = this.board.seenOpen();
    this.decider.decide(items, "correct");
    say(`${many(items.length, "picture")} marked as correct.`);
    const next = this.board.items.findIndex((item) => item.state === "open");
    this.board.goTo(next >= 0 ? next : this.board.items.length - 1);
  }

  undo() {
    const { items, isDone } = this.decider.undo();
    if (items.length === 0) return say("There is nothing to undo.");
    const index = this.board.indexOf.get(items[0].id);
    if (index !== undefined) this.board.goTo(index, { focus: this.board.hasFocus() });
    return say(isDone ? `Undone: ${many(items.length, "decision")}.` : "Taking back the decision on this picture…");
  }

  toggleTap() {
    this.marksByTap = !this.marksByTap;
    document.querySelector("[data-command=tap]").setAttribute("aria-pressed", String(this.marksByTap));
    say(this.marksByTap ? "A tap marks a picture as wrong; a second tap takes it back." : "A tap chooses a picture.");
  }

  clicked(index, event) {
    const { board } = this;
    const isSame = index === board.index;
    board.goTo(index, { extend: event.shiftKey });
    if (this.marksByTap && !event.shiftKey) this.toggleWrong(board.current);
    else if (event.detail === 2 && isSame) this.zoom();
  }

  toggleWrong(item) {
    const last = this.decider.done.at(-1);
    if (item.state === "wrong" && last?.before.length === 1 && last.before[0].item === item) this.decider.undo();
    else this.decider.decide([item], item.state === "wrong" ? "correct" : "wrong");
    say(`Picture ${this.board.index + 1}: ${stateWords(item, this.names)}`, true);
  }

  zoom() {
    if (!this.board.current) return;
    const dialog = byId("zoom-dialog");
    if (dialog.open) dialog.close();
    else {
      this.showZoom(this.board.current);
      dialog.showModal();
      byId("zoom-dialog").focus();
    }
  }

  showZoom(item) {
    const image = byId("zoom-image");
    if (image.dataset.id !== String(item.id)) image.src = `/image/${item.id}`;
    image.dataset.id = item.id;
    image.alt = `Picture ${this.board.index + 1}, labelled ${this.names.get(item.given_label)}`;
    byId("zoom-text").textContent = `Labelled ${this.names.get(item.given_label)} · ${stateWords(item, this.names)} · ${count(this.board.index + 1)} of ${count(this.board.length)}${item.suggestion ? ` · ${item.suggestion}` : ""}`;
  }

  /** The current picture is another one. */
  moved(item) {
    if (!item) return;
    if (this.side.isQueue) this.side.showClass(item.given_label);
    if (byId("zoom-dialog").open) this.showZoom(item);
    this.suggestions.moved(item);
  }
}
