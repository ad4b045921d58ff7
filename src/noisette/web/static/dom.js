// Small helpers around the document. Text always goes in as text, never as HTML: class names are anybody's words.

export const byId = (id) => document.getElementById(id);

/** Make an element: `make("li", { class: "card", hidden: true, onclick: f }, "text", child)`. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let lastTimer = 0;

/** Say something in the page's status line; `isQuiet`: to screen readers only, since the grid shows it already. */
export function say(text, isQuiet = false) {
  const line = byId("status");
  line.textContent = text;
  line.classList.toggle("shown", text !== "" && !isQuiet);
  clearTimeout(lastTimer);
  lastTimer = setTimeout(() => line.classList.remove("shown"), 5000);
}

/** Read a small setting that this browser keeps, or the fallback where storage is closed to us. */
export function remembered(name, fallback) {
  try {
    return localStorage.getItem(`noisette.${name}`) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keep a small setting in this browser; without storage it lasts as long as the page. */
export function remember(name, value) {
  try {
    localStorage.setItem(`noisette.${name}`, value);
  } catch {
    // A full or forbidden storage costs comfort only.
  }
}
