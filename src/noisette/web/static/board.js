// The grid of pictures: which there are, which is current, which are chosen; only the rows near the screen have elements.

import { fillTile, makeTile } from "./tile.js";

const GAP = 10;
const CAPTION = 28; // the line under a picture, where one is kept free for its label
const SPARE_ROWS = 3;

export class Board {
  /** `hooks`: `moved(item)`, `nearEnd()`, `clicked(index, event)`; `names`: Map of class id to name. */
  constructor(container, names, showsGiven, hooks) {
    Object.assign(this, { container, names, showsGiven, hooks });
    container.classList.toggle("captioned", showsGiven);
    this.items = [];
    this.total = 0; // how many the server has; more than `items` while some are still to come
    this.indexOf = new Map();
    this.tiles = new Map();
    this.index = 0;
    this.anchor = 0;
    this.wantedSize = 124;
    this.columns = 1;
    this.rowHeight = 1;
    this.visible = new Set();
    this.observer = new IntersectionObserver((entries) => this.notice(entries), { threshold: 0.6, rootMargin: "-56px 0px -80px" });
    new ResizeObserver(() => this.layOut()).observe(container);
    addEventListener("scroll", () => this.soon(), { passive: true });
    container.addEventListener("click", (event) => this.click(event));
    container.addEventListener("focusin", (event) => this.focused(event));
  }

  get length() {
    return Math.max(this.total, this.items.length);
  }

  get current() {
    return this.items[this.index] ?? null;
  }

  /** The chosen items, in order: the current one, or the range up to it. */
  get selection() {
    return this.items.slice(Math.min(this.anchor, this.index), Math.max(this.anchor, this.index) + 1);
  }

  /** Forget all pictures. */
  clear() {
    this.items = [];
    this.indexOf.clear();
    this.tiles.clear();
    this.visible.clear();
    this.observer.disconnect();
    this.container.replaceChildren();
    this.index = this.anchor = 0;
  }

  /** Add pictures at the end; one that is there already stays as it is. */
  append(items) {
    for (const item of items) {
      if (this.indexOf.has(item.id)) continue;
      this.indexOf.set(item.id, this.items.length);
      this.items.push(item);
    }
    this.layOut();
  }

  find(id) {
    return this.items[this.indexOf.get(id)] ?? null;
  }

  /** Go to a picture; `extend` keeps the other end of the range where it is. */
  goTo(index, { extend = false, focus = true } = {}) {
    if (this.items.length === 0) return;
    this.index = Math.max(0, Math.min(index, this.items.length - 1));
    if (!extend) this.anchor = this.index;
    this.scrollToCurrent();
    this.render();
    if (focus) this.tiles.get(this.current.id)?.focus({ preventScroll: true });
    this.hooks.moved(this.current);
  }

  /** Go to the next open picture after the range, or the last one where none is open. */
  goOn() {
    const last = Math.max(this.anchor, this.index);
    const next = this.items.findIndex((item, i) => i > last && item.state === "open");
    this.goTo(next >= 0 ? next : Math.min(last + 1, this.items.length - 1), { focus: this.hasFocus() });
  }

  /** Whether moving may take the keyboard's focus: it is in the grid, or nowhere. */
  hasFocus() {
    return document.activeElement === document.body || this.container.contains(document.activeElement);
  }

  /** Pictures that are open and have been on screen, loaded. */
  seenOpen() {
    return this.items.filter((item) => item.isSeen && item.state === "open");
  }

  layOut() {
    const width = this.container.clientWidth;
    if (width === 0) return;
    this.columns = Math.max(2, Math.floor((width + GAP) / (this.wantedSize + GAP)));
    const size = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    this.rowHeight = size + GAP + (this.showsGiven ? CAPTION : 0);
    this.container.style.setProperty("--columns", this.columns);
    this.container.style.setProperty("--row", `${this.rowHeight - GAP}px`);
    this.render();
  }

  scrollToCurrent() {
    const header = document.querySelector(".top").offsetHeight + 12;
    const footer = document.querySelector(".bar-holder").offsetHeight + 12;
    const top = this.container.getBoundingClientRect().top + Math.floor(this.index / this.columns) * this.rowHeight;
    if (top < header) scrollBy({ top: top - header });
    else if (top + this.rowHeight > innerHeight - footer) scrollBy({ top: top + this.rowHeight - innerHeight + footer });
  }

  soon() {
    if (this.isPlanned) return;
    this.isPlanned = true;
    requestAnimationFrame(() => { this.isPlanned = false; this.render(); });
  }

  /** Make elements for the rows near the screen, drop the others; space above and below stands for those. */
  render() {
    const top = this.container.getBoundingClientRect().top;
    const rows = Math.ceil(this.items.length / this.columns);
    const first = Math.max(0, Math.min(Math.floor(-top / this.rowHeight) - SPARE_ROWS, rows - 1));
    const last = Math.min(rows, Math.ceil((innerHeight - top) / this.rowHeight) + SPARE_ROWS);
    const shown = this.items.slice(first * this.columns, Math.max(first, last) * this.columns);
    this.container.style.paddingTop = `${first * this.rowHeight}px`;
    this.container.style.paddingBottom = `${Math.max(0, rows - Math.max(first, last)) * this.rowHeight}px`;
    this.place(shown);
    if (last >= rows - 2 * SPARE_ROWS) this.hooks.nearEnd();
  }

  place(shown) {
    const wanted = new Set(shown.map((item) => item.id));
    for (const [id, tile] of this.tiles) {
      if (wanted.has(id)) continue;
      this.observer.unobserve(tile);
      this.visible.delete(tile);
      tile.remove();
      this.tiles.delete(id);
    }
    const [low, high] = [Math.min(this.anchor, this.index), Math.max(this.anchor, this.index)];
    let before = null;
    for (const item of shown) {
      const tile = this.tiles.get(item.id) ?? this.addTile(item);
      const index = this.indexOf.get(item.id);
      const isCurrent = index === this.index || (item === shown[0] && !wanted.has(this.current.id));
      fillTile(tile, { index, total: this.length, isCurrent, isSelected: index >= low && index <= high }, this.names, this.showsGiven);
      tile.classList.toggle("chosen", low < high && index >= low && index <= high);
      const after = before === null ? this.container.firstChild : before.nextSibling;
      if (after !== tile) this.container.insertBefore(tile, after);
      before = tile;
    }
  }

  addTile(item) {
    const tile = makeTile(item, (loaded) => { if (this.visible.has(loaded)) loaded.item.isSeen = true; });
    this.tiles.set(item.id, tile);
    this.observer.observe(tile);
    return tile;
  }

  notice(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) this.visible.delete(target);
      else {
        this.visible.add(target);
        if (target.item.isLoaded) target.item.isSeen = true;
      }
    }
  }

  click(event) {
    const tile = event.target.closest(".tile");
    if (tile) this.hooks.clicked(this.indexOf.get(tile.item.id), event);
  }

  /** Focus that came by Tab or a screen reader makes its picture the current one. */
  focused(event) {
    const index = this.indexOf.get(event.target.closest(".tile")?.item.id);
    if (index === undefined || index === this.index) return;
    this.index = this.anchor = index;
    this.render();
    this.hooks.moved(this.current);
  }
}
