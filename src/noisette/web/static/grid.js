// The grid page: joins board, decisions, side panel, keys and the server.

import { get } from "./api.js";
import { Board } from "./board.js";
import { Chooser } from "./chooser.js";
import { Commands } from "./commands.js";
import { Decider } from "./decide.js";
import { byId, remember, remembered, say } from "./dom.js";
import { Loader } from "./loader.js";
import { Outbox, sampleIds } from "./outbox.js";
import { setUpReviewer } from "./people.js";
import { setUpRefit } from "./refit.js";
import { Side } from "./side.js";
import { many } from "./words.js";

const CHANGES_EVERY_MS = 3000;
const { queue, classId: classText, workspace } = document.body.dataset;
const classId = classText === undefined ? null : Number(classText);

async function start() {
  const overview = await get("/api/overview");
  const names = new Map(overview.classes.map((row) => [row.id, row.name]));
  const isQueue = classId === null;
  const side = new Side(overview.classes, isQueue, workspace);
  let commands = null;
  const board = new Board(byId("tiles"), names, isQueue, {
    moved: (item) => commands.moved(item),
    nearEnd: () => loader.more(),
    clicked: (index, event) => commands.clicked(index, event),
  });
  const outbox = new Outbox(workspace, {
    sent: (entry, answer) => { decider.sent(entry, answer); side.showProgress(answer.progress); },
    refused: (entry, error) => {
      say(`${entry.kind === "undo" ? "Not undone" : "A decision was not taken"}: ${error.message}`);
      decider.settle(sampleIds(entry).map((id) => board.find(id)).filter(Boolean));
      // What the page shows of the pictures is wrong now, unless nothing was to change before the server's word.
      if (entry.kind !== "undo" || entry.refs[0].of) loader.reload();
    },
    changed: showConnection,
  });
  const decider = new Decider(board, outbox, queue, () => board.render());
  const loader = new Loader(board, decider, { class_id: classId, queue });
  commands = new Commands({ board, decider, side, names, chooser: new Chooser(names, () => side.recent) });

  side.showProgress({ total: overview.total, class: null });
  if (!isQueue) {
    side.showClass(classId);
    side.showNeighbors(classId);
  }
  side.showProgress({ total: overview.total, class: null });
  side.showQuick();
  setUpChoices(board, loader);
  setUpReviewer();
  // The pictures stay as they are: nobody's place is to be lost. New suggestions come with the next picture.
  setUpRefit(() => { commands.suggestions.forget(); say("The verifier is refitted."); });
  outbox.send();
  await loader.reload();
  byId("tiles").querySelector(".current")?.focus({ preventScroll: true });
  follow(decider, side);
}

/** The two lists above the grid: which pictures, how large. */
function setUpChoices(board, loader) {
  const [show, size] = [byId("show"), byId("size")];
  size.value = remembered("size", innerWidth < 500 ? "88" : "124");
  const resize = () => { board.wantedSize = Number(size.value); board.layOut(); };
  size.addEventListener("change", () => { remember("size", size.value); resize(); });
  show.addEventListener("change", () => loader.reload());
  resize();
}

function showConnection(outbox) {
  const waiting = outbox.entries.length;
  const line = byId("connection");
  const isCut = outbox.failures > 0;
  line.classList.toggle("cut", isCut);
  const words = isCut ? `${reason(outbox.trouble)} ${many(waiting, "decision")} kept here, sent when it is back.` : "";
  if (line.textContent !== words) line.textContent = words;
}

function reason({ status, message }) {
  if (status === 0) return "No connection.";
  return status === 401 || status === 403 ? `${message.replace(/\.?$/, ".")} Open the address that the server printed.` : message.replace(/\.?$/, ".");
}

/** Ask now and then what other people have decided. */
async function follow(decider, side) {
  let since = -1;
  const ask = async () => {
    if (document.hidden) return;
    try {
      let answer;
      do {
        answer = await get("/api/changes", { since, class_id: classId });
        const isLast = answer.last === since || since === -1 || answer.items.length === 0;
        since = answer.last;
        decider.merge(answer.items);
        side.showProgress(answer.progress);
        if (isLast) break;
      } while (true);
    } catch {
      // The outbox shows a lost connection; the next look comes by itself.
    }
  };
  for (;;) {
    await ask();
    await new Promise((resolve) => setTimeout(resolve, CHANGES_EVERY_MS));
  }
}

start().catch((error) => {
  byId("empty").hidden = false;
  byId("empty").textContent = error.message;
});
