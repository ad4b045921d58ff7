// The refit: begun with a button, watched while it runs, then what changed.

import { get, post } from "./api.js";
import { byId, make } from "./dom.js";
import { count, percent } from "./words.js";

const EVERY_MS = 1000;
const IDLE_TEXT = "The verifier learns from the decisions so far and scores every label again. Go on reviewing meanwhile: nothing is lost.";
const STEPS = { idle: IDLE_TEXT, done: "Done. This is what changed:" };

export function setUpRefit(onDone = () => {}) {
  const dialog = byId("refit-dialog");
  let timer = 0;
  let wasRunning = false;

  const show = (refit) => {
    const isRunning = refit.state === "running";
    byId("refit-text").textContent = isRunning ? runningWords(refit) : refit.state === "failed" ? refit.error : STEPS[refit.state];
    byId("refit-button").classList.toggle("busy", isRunning);
    byId("refit-start").disabled = isRunning;
    byId("refit-start").textContent = refit.state === "done" ? "Refit again" : "Refit now";
    showBar(refit, isRunning);
    showChanges(refit.changes);
    if (isRunning) timer = setTimeout(look, EVERY_MS);
    else if (wasRunning && refit.state === "done") onDone();
    wasRunning = isRunning;
  };
  const look = async () => {
    clearTimeout(timer);
    try {
      show(await get("/api/refit"));
    } catch (error) {
      byId("refit-text").textContent = error.message;
      if (wasRunning) timer = setTimeout(look, 3 * EVERY_MS);
    }
  };
  byId("refit-button").addEventListener("click", () => { dialog.showModal(); look(); });
  byId("refit-close").addEventListener("click", () => dialog.close());
  byId("refit-start").addEventListener("click", async () => {
    byId("refit-start").disabled = true;
    try {
      await post("/api/refit", {});
      wasRunning = true;
      await look();
    } catch (error) {
      byId("refit-text").textContent = error.message;
      byId("refit-start").disabled = false;
    }
  });
  look();
}

function runningWords(refit) {
  return refit.step ? `Under way: ${refit.step}` : "Under way";
}

function showBar(refit, isRunning) {
  const bar = byId("refit-progress");
  bar.hidden = !isRunning;
  if (refit.total > 0) bar.value = refit.done / refit.total;
  else bar.removeAttribute("value");
}

function showChanges(changes) {
  const list = byId("refit-changes");
  list.hidden = !changes;
  if (!changes) return;
  const rows = [
    ["Labels flagged as wrong", `${known(changes.flagged_before)} → ${known(changes.flagged_after)}`],
    ["Newly flagged", known(changes.newly_flagged)],
    ["No longer flagged", known(changes.no_longer)],
    ["Mistakes of the verifier before", share(changes.error_before)],
    ["Mistakes of the verifier now", share(changes.error_after)],
  ];
  list.replaceChildren(...rows.map(([term, text]) => make("div", {}, make("dt", {}, term), make("dd", { class: "number" }, text))));
}

const share = (number) => (typeof number === "number" ? percent(number) : "not known");
const known = (number) => (typeof number === "number" ? count(number) : "–");
