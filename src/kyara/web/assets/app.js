// @ts-check
/** The page: its frame, and which view is shown at which address. */

import { get } from "./api.js";
import { onDecided, undo } from "./deciding.js";
import { fill } from "./dom.js";
import { showSheet, useKeysEverywhere } from "./keys.js";
import { complain } from "./notices.js";
import { go, route, show } from "./router.js";
import { askAbout, askView } from "./views/ask.js";
import { characterView } from "./views/character.js";
import { charactersView } from "./views/characters.js";
import { doubtsView } from "./views/doubts.js";
import { groupView } from "./views/group.js";
import { groupsView } from "./views/groups.js";
import { historyView } from "./views/history.js";
import { pictureView } from "./views/picture.js";
import { picturesView } from "./views/pictures.js";
import { questionsView } from "./views/questions.js";

const LOADING_MS = 700;

/** @param {import("./router.js").View} view @returns {import("./router.js").View} */
function guarded(view) {
  return async (place, parameter) => {
    try {
      return await view(place, parameter);
    } catch (problem) {
      place.replaceChildren(
        Object.assign(document.createElement("h1"), {
          textContent: "This cannot be shown",
          tabIndex: -1,
        }),
        Object.assign(document.createElement("p"), {
          textContent: problem instanceof Error ? problem.message : String(problem),
        }),
      );
      return undefined;
    }
  };
}

route(/^\/$/, "groups", guarded(groupsView));
route(/^\/groups\/(\d+)$/, "groups", guarded(groupView));
route(/^\/questions$/, "questions", guarded(questionsView));
route(/^\/doubts$/, "doubts", guarded(doubtsView));
route(/^\/characters$/, "characters", guarded(charactersView));
route(/^\/characters\/(\d+)$/, "characters", guarded(characterView));
route(/^\/pictures$/, "", guarded(picturesView));
route(/^\/pictures\/([0-9a-f]{64})$/, "", guarded(pictureView));
route(/^\/ask$/, "ask", guarded(askView));
route(/^\/history$/, "history", guarded(historyView));

/** How the model and the library stand, at the top of the page. */
async function status() {
  try {
    const session = await get("/session");
    for (const kind of ["groups", "characters"]) {
      const place = document.querySelector(`[data-count="${kind}"]`);
      if (place) fill(place, session[kind] || "");
    }
    const state = /** @type {HTMLElement} */ (document.getElementById("state"));
    fill(
      state,
      { loading: "The model is loading…", failed: session.problem, ready: "" }[
        /** @type {"ready"} */ (session.model)
      ],
    );
    if (session.model === "loading") setTimeout(() => void status(), LOADING_MS);
  } catch (problem) {
    complain(problem);
  }
}

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
/** @type {{keys: string[], path: string, what: string}[]} */
const places = [
  { keys: ["G"], path: "/", what: "to the groups" },
  { keys: ["Q"], path: "/questions", what: "to the questions" },
  { keys: ["D"], path: "/doubts", what: "to the doubtful" },
  { keys: ["C"], path: "/characters", what: "to the characters" },
  { keys: ["A"], path: "/ask", what: "ask about pictures" },
  { keys: ["H"], path: "/history", what: "to the history" },
];
useKeysEverywhere([
  { keys: ["u"], what: "undo the last decision", act: () => void undo() },
  ...places.map(({ keys, path, what }) => ({
    keys,
    what: `(with Shift) ${what}`,
    act: () => go(path),
  })),
  { keys: ["?"], what: "this sheet", act: () => showSheet(dialog) },
]);
document.getElementById("undo")?.addEventListener("click", () => void undo());
document.getElementById("help")?.addEventListener("click", () => showSheet(dialog));
onDecided(() => void status());

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  askAbout([...(event.dataTransfer?.files ?? [])]);
});
document.addEventListener("paste", (event) => askAbout([...(event.clipboardData?.files ?? [])]));

void status();
void show();
