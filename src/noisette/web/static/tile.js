// One picture of the grid.

import { make } from "./dom.js";
import { count, stateWords } from "./words.js";

const BADGES = { correct: "✓", wrong: "✕", none: "∅", unsure: "?" };
export const TINY = 65; // pictures up to this many pixels wide are shown with their pixels, not blurred

/** Make the elements of a tile; `watch` is told of the tile, to know when it has been on screen. */
export function makeTile(item, watch) {
  const image = make("img", { alt: "", src: `/thumb/${item.id}`, decoding: "async", draggable: "false" });
  const tile = make("div", { role: "option", class: "tile", id: `tile-${item.id}`, tabindex: "-1" },
    make("span", { class: "picture" }, image, make("span", { class: "badge", "aria-hidden": "true" }), make("span", { class: "copies", "aria-hidden": "true" })),
    make("span", { class: "caption" }));
  image.addEventListener("load", () => {
    tile.classList.toggle("tiny", image.naturalWidth < TINY);
    item.isLoaded = true;
    watch(tile);
  });
  image.addEventListener("error", () => tile.classList.add("broken"));
  tile.item = item;
  return tile;
}

/** Write the state of a tile's item into its elements. `place`: {index, total, isCurrent, isSelected}. */
export function fillTile(tile, place, names, showsGiven) {
  const { item } = tile;
  tile.dataset.state = item.state;
  tile.classList.toggle("pending", Boolean(item.isPending));
  tile.classList.toggle("current", place.isCurrent);
  tile.tabIndex = place.isCurrent ? 0 : -1;
  tile.setAttribute("aria-selected", String(place.isSelected));
  tile.setAttribute("aria-posinset", place.index + 1);
  tile.setAttribute("aria-setsize", place.total);
  tile.setAttribute("aria-label", label(item, place, names));
  tile.querySelector(".badge").textContent = BADGES[item.state] ?? "";
  tile.querySelector(".copies").textContent = item.copies > 1 ? `×${count(item.copies)}` : "";
  const caption = tile.querySelector(".caption");
  caption.textContent = captionWords(item, names, showsGiven);
  caption.title = caption.textContent;
}

function label(item, place, names) {
  const parts = [`Picture ${place.index + 1}`, `labelled ${names.get(item.given_label) ?? item.given_label}`, stateWords(item, names)];
  if (item.copies > 1) parts.push(`${item.copies} copies`);
  if (item.suggestion) parts.push(item.suggestion);
  return parts.join(", ");
}

function captionWords(item, names, showsGiven) {
  if (item.state === "wrong" && item.correct_label !== null && item.correct_label !== undefined) {
    return `→ ${names.get(item.correct_label) ?? item.correct_label}`;
  }
  const given = showsGiven ? names.get(item.given_label) ?? "" : "";
  if (given && item.state === "wrong") return `not ${given}`;
  if (given && item.state === "none") return "none of the classes";
  if (item.state !== "open" || !item.suggestion) return given;
  return given ? `${given} → ${item.suggestion}` : item.suggestion;
}
