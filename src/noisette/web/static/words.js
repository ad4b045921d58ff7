// Numbers as people read them.

const counts = new Intl.NumberFormat("en");

export const count = (number) => counts.format(number);

/** "1 picture", "2 pictures". */
export const many = (number, word) => `${count(number)} ${word}${number === 1 ? "" : word.endsWith("s") ? "es" : "s"}`;

/** A share in [0, 1] as percent: one decimal near the ends, and never 0 or 100 where it is not. */
export function percent(share) {
  const value = 100 * share;
  if (value > 0 && value < 0.05) return "< 0.1\u00a0%";
  if (value < 100 && value > 99.95) return "> 99.9\u00a0%";
  const digits = (value > 0 && value < 9.95) || (value < 100 && value >= 99.5) ? 1 : 0;
  return `${value.toFixed(digits)}\u00a0%`;
}

/** "12 % (8.0 % to 17 %)", or what is missing. */
export function errorWords(error) {
  if (!error) return "not known yet";
  return `${percent(error.value)} (${percent(error.low)} to ${percent(error.high)})`;
}

/** What a decision says, in a few words. */
export function stateWords(item, names) {
  if (item.state === "correct") return "correct";
  if (item.state === "none") return "none of the classes";
  if (item.state === "unsure") return "unsure";
  if (item.state !== "wrong") return "open";
  return item.correct_label === null || item.correct_label === undefined ? "wrong" : `wrong, it is ${names.get(item.correct_label) ?? item.correct_label}`;
}
