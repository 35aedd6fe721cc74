// @ts-check
/** Saying something, and taking it back: what every view does in the same way. */

import { Problem, get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { complain, notice } from "./notices.js";

/** @typedef {Record<string, any>} Change */

/** @type {Set<() => void>} */
const listeners = new Set();

/** Be told after each decision. @param {() => void} listener @returns {() => void} to end it */
export function onDecided(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  for (const listener of [...listeners]) listener();
}

/** Note a decision. Returns once it is on the disk; null if it was not noted, which was said.
 * @param {Change} change @returns {Promise<any>} */
export async function decide(change) {
  try {
    return announce(await post("/decisions", change));
  } catch (problem) {
    if (problem instanceof Problem && problem.meant !== undefined)
      return whichIsMeant(change, problem.meant);
    complain(problem);
    return null;
  }
}

/** Say that a decision was noted, and let the views follow. @param {any} decision */
export function announce(decision) {
  notice(decision.words, { label: "Undo", act: () => void undo(decision.id) });
  tell();
  return decision;
}

/** Take back the last decision, or one of them. @param {number} [decision] */
export async function undo(decision) {
  try {
    const taken = await post("/decisions/undo", decision === undefined ? {} : { decision });
    notice(`Taken back: ${taken.words}`, { label: "Redo", act: () => void redo(taken.id) });
    tell();
    return taken;
  } catch (problem) {
    complain(problem);
    return null;
  }
}

/** @param {number} decision */
async function redo(decision) {
  try {
    const { decisions } = await get("/decisions", { limit: 50 });
    const last = decisions.find((/** @type {any} */ one) => one.undoes === decision && one.stands);
    if (last) await post("/decisions/undo", { decision: last.id });
    notice("It holds again.");
    tell();
  } catch (problem) {
    complain(problem);
  }
}

/** A name is new, and nearly another's: ask. @param {Change} change @param {string} meant */
async function whichIsMeant(change, meant) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
  const given = change.character;
  const choice = await asked(dialog, [
    h("h2", null, "Which name is meant?"),
    h("p", null, `There is ${meant}, and nobody is called ${given} yet.`),
    h(
      "form",
      { method: "dialog", class: "row" },
      h("button", { value: "meant", class: "primary", autofocus: true }, meant),
      h("button", { value: "new" }, `${given}, who is new`),
      h("button", { value: "" }, "Neither"),
    ),
  ]);
  if (choice === "meant") return decide({ ...change, character: meant });
  if (choice === "new") return decide({ ...change, new: true });
  return null;
}

/** What was chosen in a dialog: the value of the button, or nothing.
 * @param {HTMLDialogElement} dialog @param {Node[]} content @returns {Promise<string>} */
export function asked(dialog, content) {
  dialog.returnValue = "";
  fill(dialog, content);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}
