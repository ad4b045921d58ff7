// Which class is it? A list that narrows as its name is typed.

import { byId, make } from "./dom.js";

const LONGEST = 50; // rows shown; type on to see others

export class Chooser {
  /** `names`: Map of class id to name; `recent()`: ids shown first while nothing is typed. */
  constructor(names, recent) {
    Object.assign(this, { names, recent, dialog: byId("choose-dialog"), input: byId("choose-input"), list: byId("choose-list") });
    this.folded = [...names].map(([id, name]) => ({ id, name, folded: fold(name) }));
    this.input.addEventListener("input", () => this.show());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.take(Number(row.dataset.id));
    });
  }

  /** Open the list; `taken(id)` is called with the class that is chosen, if any. */
  open(taken) {
    this.taken = taken;
    this.input.value = "";
    this.dialog.showModal();
    this.show();
    this.input.focus();
  }

  matches() {
    const wanted = fold(this.input.value.trim());
    if (wanted === "") {
      const recent = new Set(this.recent());
      return [...[...recent].map((id) => ({ id, name: this.names.get(id) })), ...this.folded.filter(({ id }) => !recent.has(id))];
    }
    const found = this.folded.filter(({ folded }) => folded.includes(wanted));
    const rank = ({ folded }) => (folded === wanted ? 0 : folded.startsWith(wanted) ? 1 : folded.includes(` ${wanted}`) ? 2 : 3);
    return found.sort((a, b) => rank(a) - rank(b) || a.folded.length - b.folded.length);
  }

  show() {
    const rows = this.matches().slice(0, LONGEST);
    this.list.replaceChildren(...rows.map(({ id, name }) => make("li", { role: "option", id: `choice-${id}`, "data-id": id, "aria-selected": "false" }, name)));
    if (rows.length === 0) this.list.append(make("li", { class: "quiet" }, "No class has this in its name."));
    this.mark(0);
  }

  mark(index) {
    const rows = [...this.list.querySelectorAll("[role=option]")];
    rows.forEach((row, i) => row.setAttribute("aria-selected", String(i === index)));
    this.index = rows.length > 0 ? index : -1;
    this.input.setAttribute("aria-activedescendant", rows[index]?.id ?? "");
    rows[index]?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const rows = this.list.querySelectorAll("[role=option]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && rows.length > 0) this.mark((this.index + step + rows.length) % rows.length);
    else if (event.key === "Enter" && this.index >= 0) this.take(Number(rows[this.index].dataset.id));
    else if (event.key !== "Enter") return;
    event.preventDefault();
  }

  take(id) {
    this.dialog.close();
    this.taken(id);
  }
}

/** Letters without case and accents, so that "creme" finds "Crème". */
const fold = (text) => text.toLocaleLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
