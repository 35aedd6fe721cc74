// @ts-check
/** What is best asked next: who is one, who is out of place, what is a copy. */

import { get } from "../api.js";
import { announce, onDecided } from "../deciding.js";
import { counted, fill, h } from "../dom.js";
import { useKeys } from "../keys.js";
import { complain, notice } from "../notices.js";
import { answer, questionCard } from "../questions.js";

const SHOWN = 12;

/** @type {import("../router.js").View} */
export async function questionsView(place) {
  /** @type {import("../questions.js").Question[]} */
  let questions = [];
  let current = 0;
  let wantsCopies = false;
  const list = h("ul", { class: "questions", "aria-label": "Questions" });
  const summary = h("p", { class: "soft" });
  const copies = h(
    "button",
    { type: "button", onclick: () => void lookForCopies() },
    "Look for copies",
  );
  place.append(
    h(
      "header",
      { class: "heading" },
      h("div", null, h("h1", { tabindex: "-1" }, "Questions"), summary),
      h("div", { class: "row" }, copies),
    ),
    list,
  );

  async function load() {
    const found = await get("/suggestions", { limit: SHOWN, kind: wantsCopies ? ["copies"] : [] });
    questions = found.questions;
    const nothing = wantsCopies
      ? "No copies were found."
      : "There is nothing to ask. Name groups, and more can be told.";
    fill(
      summary,
      found.total ? `${counted(found.total, "question")}; what settles most comes first.` : nothing,
    );
    fill(
      list,
      questions.map((one) => questionCard(one, (yes) => void say(one, yes))),
    );
    step(0);
  }

  async function lookForCopies() {
    wantsCopies = !wantsCopies;
    fill(copies, wantsCopies ? "All other questions" : "Look for copies");
    notice(wantsCopies ? "Looking into each picture…" : "");
    current = 0;
    await load().catch(complain);
  }

  /** @param {import("../questions.js").Question} question @param {boolean} yes */
  async function say(question, yes) {
    try {
      announce(await answer(question, yes));
    } catch (problem) {
      complain(problem);
      await load().catch(complain);
    }
  }

  /** @param {number} by */
  function step(by) {
    current = Math.max(0, Math.min(questions.length - 1, current + by));
    const card = list.children[current];
    for (const other of list.children) other.classList.toggle("current", other === card);
    if (card instanceof HTMLElement) card.focus({ preventScroll: by === 0 });
  }

  /** @param {"yes" | "no"} which */
  function press(which) {
    /** @type {HTMLElement | null | undefined} */ (
      list.children[current]?.querySelector(`[data-answer="${which}"]`)
    )?.click();
  }

  useKeys([
    { keys: ["y"], what: "yes", act: () => press("yes") },
    { keys: ["n"], what: "no", act: () => press("no") },
    { keys: ["ArrowDown", "ArrowRight"], what: "next question", act: () => step(1) },
    { keys: ["ArrowUp", "ArrowLeft"], what: "question before", act: () => step(-1) },
  ]);
  await load();
  return { leave: onDecided(() => void load().catch(complain)) };
}
