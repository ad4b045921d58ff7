// Which key does what.

const COMMANDS = { y: "correct", n: "wrong", x: "none", u: "unsure", r: "rest", z: "undo", s: "suggestion", a: "accept", t: "tap", "/": "choose", "?": "help", " ": "zoom", Enter: "zoom", Escape: "escape", Home: "first", End: "last" };
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/** What a key event asks for, as [command, argument], or null where the browser shall have it. */
export function commandOf(event, lettersCount) {
  const { key } = event;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key.toLowerCase() === "z") return ["undo"];
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (key in ARROWS) return [ARROWS[key], event.shiftKey];
  const isLetter = key.length === 1 && key !== " ";
  if (isLetter && !lettersCount) return null;
  if (/^[0-9]$/.test(key)) return ["digit", key];
  const command = COMMANDS[key] ?? COMMANDS[key.toLowerCase()];
  return command ? [command] : null;
}

/** Whether the focused element wants this key for itself: text fields all, buttons Enter and space. */
export function isTaken(event) {
  const { target, key } = event;
  if (target.closest("input:not([type=checkbox]), select, textarea")) return true;
  return (key === "Enter" || key === " ") && target.closest("button, a, input") !== null;
}
