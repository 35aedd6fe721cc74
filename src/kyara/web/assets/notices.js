// @ts-check
/** What was just done, or went wrong: said at the edge of the page, and to screen readers. */

import { fill, h } from "./dom.js";

const SHOWN_MS = 7000;
let timer = 0;

/** @param {string} text @param {{label: string, act: () => void}} [action] */
export function notice(text, action) {
  say(text, action, false);
}

/** @param {unknown} error */
export function complain(error) {
  say(error instanceof Error ? error.message : String(error), undefined, true);
}

/** @param {string} text @param {{label: string, act: () => void} | undefined} action @param {boolean} isProblem */
function say(text, action, isProblem) {
  const place = /** @type {HTMLElement} */ (document.getElementById("notices"));
  clearTimeout(timer);
  const button = action && h("button", { type: "button", onclick: action.act }, action.label);
  fill(
    place,
    h("p", { class: isProblem ? "notice problem" : "notice" }, h("span", null, text), button),
  );
  timer = window.setTimeout(() => fill(place), isProblem ? 3 * SHOWN_MS : SHOWN_MS);
}
