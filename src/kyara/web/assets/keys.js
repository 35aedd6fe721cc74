// @ts-check
/** Keys: what each does on the page that is shown, and the sheet that tells. */

import { fill, h } from "./dom.js";

/**
 * @typedef {{keys: string[], what: string, act: (event: KeyboardEvent) => void, whileTyping?: boolean}} Shortcut
 */

/** @type {Shortcut[]} */
let ofPage = [];
/** @type {Shortcut[]} */
const everywhere = [];

/** What keys do on this page; those of the page before are gone. @param {Shortcut[]} shortcuts */
export function useKeys(shortcuts) {
  ofPage = shortcuts;
}

/** What keys do on every page. @param {Shortcut[]} shortcuts */
export function useKeysEverywhere(shortcuts) {
  everywhere.push(...shortcuts);
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLInputElement && target.type !== "checkbox";
}

/** Whether what has the focus makes something of the key itself. @param {KeyboardEvent} event */
function doesItsOwn({ target, key }) {
  if (!(target instanceof Element)) return false;
  if (key === " ") return target.closest("button, input") !== null;
  return key === "Enter" && target.closest("button, a") !== null;
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const found = [...ofPage, ...everywhere].find(
    (shortcut) =>
      shortcut.keys.includes(event.key) && (shortcut.whileTyping || !isTyping(event.target)),
  );
  if (!found) return;
  if (doesItsOwn(event)) return;
  event.preventDefault();
  found.act(event);
}

document.addEventListener("keydown", pressed);

const NAMES = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  " ": "Space",
  Escape: "Esc",
};

/** @param {string} key */
export function keycap(key) {
  return h("kbd", null, NAMES[/** @type {keyof typeof NAMES} */ (key)] ?? key.toUpperCase());
}

/** Show the sheet of keys. @param {HTMLDialogElement} dialog */
export function showSheet(dialog) {
  const rows = [...ofPage, ...everywhere].filter((shortcut) => shortcut.what);
  fill(
    dialog,
    h("h2", { id: "sheet-title" }, "Keys"),
    h(
      "dl",
      { class: "sheet" },
      rows.map((shortcut) => [
        h(
          "dt",
          null,
          shortcut.keys.map((key) => keycap(key)),
        ),
        h("dd", null, shortcut.what),
      ]),
    ),
    h("form", { method: "dialog" }, h("button", { class: "primary", autofocus: true }, "Close")),
  );
  dialog.showModal();
}
