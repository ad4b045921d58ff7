// What stands beside the grid: the class, how it should look, how far the work is, classes with a number key.

import { get, post } from "./api.js";
import { byId, make, remember, remembered, say } from "./dom.js";
import { count, errorWords, many } from "./words.js";

const KEYS = "123456789";

export class Side {
  constructor(classes, isQueue, workspace) {
    this.classes = new Map(classes.map((row) => [row.id, row]));
    this.isQueue = isQueue;
    this.memory = `recent.${workspace}`;
    this.recent = JSON.parse(remembered(this.memory, "[]")).filter((id) => this.classes.has(id));
    this.cache = new Map();
    this.classId = null;
    byId("exemplars-edit").addEventListener("click", ({ target }) => {
      const isOn = document.querySelector(".exemplars").classList.toggle("editing");
      target.setAttribute("aria-pressed", String(isOn));
    });
  }

  /** Show a class: its name and description now, its exemplars when they come. */
  async showClass(id) {
    if (id === this.classId) return;
    this.classId = id;
    const row = this.classes.get(id);
    byId("class-name").textContent = row?.name ?? "";
    byId("class-description").textContent = row?.description ?? "";
    byId("board-heading").textContent = this.isQueue ? "Is the label under each picture correct?" : `Is each of these “${row?.name ?? ""}”?`;
    if (!this.cache.has(id)) byId("exemplars").replaceChildren();
    await this.loadExemplars(id);
  }

  async loadExemplars(id, isFresh = false) {
    try {
      if (isFresh || !this.cache.has(id)) this.cache.set(id, (await get("/api/exemplars", { class_id: id })).items);
      if (id === this.classId) this.showExemplars(id);
    } catch (error) {
      say(error.message);
    }
  }

  showExemplars(id) {
    const items = this.cache.get(id);
    const rows = items.map((item) => this.exemplar(id, item));
    if (rows.length === 0) rows.push(make("li", { class: "quiet none-yet" }, "No picture of this class is verified yet."));
    byId("exemplars").replaceChildren(...rows);
    const unverified = items.filter((item) => !item.verified).length;
    byId("exemplars-note").textContent = unverified === 0 ? "" : unverified === items.length ? "Unverified: nobody has checked these yet." : "Dashed: unverified.";
  }

  /** Links to the classes before and after this one. */
  showNeighbors(id) {
    const ids = [...this.classes.keys()];
    const place = ids.indexOf(id);
    for (const [link, other] of [["previous-class", ids[place - 1]], ["next-class", ids[place + 1]]]) {
      if (other === undefined) continue;
      byId(link).href = `/classes/${other}`;
      byId(link).title = this.classes.get(other).name;
      byId(link).hidden = false;
    }
  }

  exemplar(classId, item) {
    const about = item.verified ? "verified" : "unverified";
    const picture = make("img", { src: `/thumb/${item.id}`, alt: `Exemplar, ${about}${item.pinned ? ", pinned" : ""}`, loading: "lazy" });
    picture.addEventListener("load", () => picture.classList.toggle("tiny", picture.naturalWidth < 65));
    const button = (action, glyph, name) => make("button", { type: "button", class: "mini", title: name, "aria-label": name, "aria-pressed": action === "pin" ? String(item.pinned) : null,
      onclick: () => this.change(classId, item, action === "pin" && item.pinned ? "clear" : action) }, glyph);
    return make("li", { class: `exemplar ${about}${item.pinned ? " pinned" : ""}` }, picture,
      item.pinned ? make("span", { class: "pin-mark", title: "pinned", "aria-hidden": "true" }, "★") : null,
      make("span", { class: "exemplar-tools" }, button("pin", "★", item.pinned ? "Unpin this exemplar" : "Pin this exemplar"), button("reject", "✕", "Not a good exemplar")));
  }

  async change(classId, item, action) {
    try {
      await post("/api/exemplars", { class_id: classId, sample_id: item.id, action });
      await this.loadExemplars(classId, true);
      say({ pin: "Pinned.", clear: "No longer pinned.", reject: "This picture is no longer shown as an exemplar." }[action]);
    } catch (error) {
      say(error.message);
    }
  }

  /** Show progress and estimated error: of the class on a class page, of everything in a queue. */
  showProgress(progress) {
    if (!progress) return;
    if (progress.class) Object.assign(this.classes.get(progress.class.id) ?? {}, progress.class);
    const shown = this.isQueue ? progress.total : this.classes.get(this.classId);
    if (!shown) return;
    const share = shown.samples > 0 ? (100 * shown.decided) / shown.samples : 0;
    byId("meter-done").style.width = `${share}%`;
    byId("meter").setAttribute("aria-valuenow", Math.round(share));
    byId("meter").setAttribute("aria-valuetext", `${shown.decided} of ${shown.samples}`);
    byId("progress-text").textContent = `${this.isQueue ? "In all: " : ""}${count(shown.decided)} of ${many(shown.samples, "picture")} checked, ${count(shown.wrong)} wrong`;
    byId("error-text").textContent = `Estimated share of wrong labels: ${shown.error ? errorWords(shown.error) : "not known yet; the random audit tells"}`;
  }

  /** The class behind a number key, or null: its own number where there are ten or fewer, else the latest used. */
  classOfDigit(digit) {
    if (this.classes.size <= 10) return this.classes.has(Number(digit)) ? Number(digit) : null;
    return this.recent[KEYS.indexOf(digit)] ?? null;
  }

  used(id) {
    this.recent = [id, ...this.recent.filter((other) => other !== id)].slice(0, KEYS.length);
    remember(this.memory, JSON.stringify(this.recent));
    this.showQuick();
  }

  /** List the classes that have a number key; `this.take` is told which one is clicked. */
  showQuick() {
    const rows = this.classes.size <= 10 ? [...this.classes.keys()].map((id) => [String(id), id]) : this.recent.map((id, i) => [KEYS[i], id]);
    const items = rows.map(([key, id]) => make("li", {}, make("button", { type: "button", class: "quick-class", onclick: () => this.take(id) }, make("kbd", {}, key), make("span", {}, this.classes.get(id).name))));
    if (items.length === 0) items.push(make("li", { class: "quiet" }, make("span", {}, "Classes that you choose with "), make("kbd", {}, "/"), make("span", {}, " get a number key here.")));
    byId("quick").classList.toggle("long", this.classes.size > 10);
    byId("quick").replaceChildren(...items);
  }
}
