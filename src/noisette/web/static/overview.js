// The overview: how far the work is, where to go on, and every class.

import { get } from "./api.js";
import { byId, make, say } from "./dom.js";
import { Outbox } from "./outbox.js";
import { setUpReviewer } from "./people.js";
import { setUpRefit } from "./refit.js";
import { count, errorWords, many, percent } from "./words.js";

const EVERY_MS = 5000;
const ABOUT_QUEUE = {
  plan: "Where a look says most. The best place to begin.",
  suspicious: "Labels that are most likely wrong.",
  audit: "Drawn by chance: keeps the estimates honest.",
  disagreement: "Pictures on which people differ.",
};
const WHEN_EMPTY = { plan: "none yet; “noisette plan” draws them", suspicious: "none; “noisette detect” finds them", disagreement: "none" };
const ORDERS = {
  given: (a, b) => a.id - b.id,
  name: (a, b) => a.name.localeCompare(b.name),
  error: (a, b) => (b.error?.value ?? -1) - (a.error?.value ?? -1) || a.id - b.id,
  open: (a, b) => b.samples - b.decided - (a.samples - a.decided) || a.id - b.id,
};
const cards = new Map();
let classes = [];

function showSummary({ total }) {
  const { samples, decided, correct, wrong, unsure, error } = total;
  byId("headline").textContent = decided === 0 ? "Nothing is checked yet" : `${many(decided, "label")} checked`;
  byId("lead").textContent = `Of ${many(samples, "picture")}. Estimated share of wrong labels: ${error ? errorWords(error) : "not known yet; the random audit tells"}.`;
  const parts = [["correct", "correct", correct], ["wrong", "wrong", wrong], ["unsure", "unsure", unsure], ["open", "not checked", samples - decided]];
  byId("bar").setAttribute("aria-label", parts.map(([, text, number]) => `${count(number)} ${text}`).join(", "));
  byId("bar").replaceChildren(...parts.filter(([, , number]) => number > 0).map(([kind, , number]) => {
    const piece = make("span", { class: kind });
    piece.style.flexGrow = number;
    return piece;
  }));
  byId("legend").replaceChildren(...parts.map(([kind, text, number]) => make("li", {}, make("i", { class: kind, "aria-hidden": "true" }), make("b", { class: "number" }, count(number)), ` ${text}`)));
}

function queueCard({ name, label, count: number }) {
  const inside = [make("b", {}, label), make("span", { class: "quiet" }, ABOUT_QUEUE[name] ?? ""), make("span", { class: "queue-count number" }, number > 0 ? many(number, "picture") : WHEN_EMPTY[name] ?? "nothing to do")];
  const card = number > 0 ? make("a", { class: "queue", href: `/queues/${encodeURIComponent(name)}` }, ...inside) : make("div", { class: "queue idle" }, ...inside);
  return make("li", {}, card);
}

/** Make a class's row once; `fill` puts the figures in. */
function classCard(row) {
  const card = { item: null, done: make("span", { class: "meter-done" }), counts: make("span", { class: "class-counts number" }), error: make("span", { class: "class-error number" }) };
  const name = make("span", { class: "class-name", title: row.name }, row.name === "" ? "(no name)" : row.name);
  const meter = make("span", { class: "meter", "aria-hidden": "true" }, card.done);
  card.item = make("li", {}, make("a", { class: "class", href: `/classes/${row.id}` }, name, meter, card.counts, card.error));
  return card;
}

function fill(card, row) {
  card.done.style.width = `${row.samples > 0 ? (100 * row.decided) / row.samples : 0}%`;
  card.counts.textContent = `${count(row.decided)} of ${count(row.samples)}`;
  card.error.textContent = row.error ? `${percent(row.error.value)} wrong` : "";
  card.error.title = row.error ? `Estimated: ${errorWords(row.error)}` : "";
}

function showClasses() {
  const wanted = byId("search").value.trim().toLocaleLowerCase();
  const shown = classes.filter((row) => row.name.toLocaleLowerCase().includes(wanted)).sort(ORDERS[byId("sort").value]);
  for (const row of classes) {
    if (!cards.has(row.id)) cards.set(row.id, classCard(row));
    fill(cards.get(row.id), row);
  }
  const items = shown.map((row) => cards.get(row.id).item);
  const list = byId("classes");
  // Rows that stay where they are keep the keyboard's focus.
  if (list.children.length !== items.length || items.some((item, i) => list.children[i] !== item)) list.replaceChildren(...items);
  byId("found").textContent = wanted === "" ? "" : shown.length === 0 ? "No class has this in its name." : `${many(shown.length, "class")} of ${count(classes.length)}`;
}

async function refresh() {
  try {
    const overview = await get("/api/overview");
    classes = overview.classes;
    showSummary(overview);
    const queues = overview.queues.filter((queue) => queue.name !== "class").map(queueCard);
    if (!byId("queues").contains(document.activeElement)) byId("queues").replaceChildren(...queues);
    showClasses();
  } catch (error) {
    say(error.message);
  }
}

byId("search").addEventListener("input", showClasses);
byId("sort").addEventListener("change", showClasses);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select, dialog")) return;
  event.preventDefault();
  byId("search").focus();
});
setUpReviewer();
setUpRefit(refresh);
// What an earlier page could not send goes out from here, too.
new Outbox(document.body.dataset.workspace, { sent: refresh, refused: (_, error) => say(error.message), changed: () => {} }).send();
await refresh();
setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
