// Who is reviewing: shown in the header, changed in a small dialog, kept in this browser.

import { reviewer } from "./api.js";
import { byId, remember, say } from "./dom.js";

export function setUpReviewer() {
  const [dialog, input, name] = [byId("reviewer-dialog"), byId("reviewer-input"), byId("reviewer-name")];
  const show = () => { name.textContent = reviewer() || "somebody"; };
  byId("reviewer-button").addEventListener("click", () => {
    input.value = reviewer();
    dialog.returnValue = "";
    dialog.showModal();
    input.select();
  });
  byId("reviewer-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "save" || input.value.trim() === "") return;
    remember("reviewer", input.value.trim());
    show();
    say(`Decisions are now kept as ${reviewer()}.`);
  });
  show();
}
