// @ts-check
/** From addresses to views, without loading the page again. */

import { useKeys } from "./keys.js";

/**
 * @typedef {{leave?: () => void}} Shown
 * @typedef {(place: HTMLElement, parameter: string) => Promise<Shown | void>} View
 */

/** @type {{pattern: RegExp, view: View, nav: string}[]} */
const routes = [];
/** @type {Shown | void} */
let shown;
let turn = 0;

/** A view for addresses that match; `nav` is the entry that is marked as current.
 * @param {RegExp} pattern @param {string} nav @param {View} view */
export function route(pattern, nav, view) {
  routes.push({ pattern, view, nav });
}

/** @param {string} path */
export function go(path) {
  history.pushState(null, "", path);
  void show();
}

/** Show what the address says. */
export async function show() {
  const own = ++turn;
  shown?.leave?.();
  shown = undefined;
  const place = /** @type {HTMLElement} */ (document.getElementById("view"));
  place.inert = true; // what is typed from now on is not meant for the view before
  const focused = document.activeElement; // it keeps the keys until the next frame, inert or not
  if (focused instanceof HTMLElement && place.contains(focused)) focused.blur();
  useKeys([]);
  const found = routes
    .map((one) => ({ ...one, match: one.pattern.exec(location.pathname) }))
    .find((one) => one.match);
  if (!found?.match) {
    go("/");
    return;
  }
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("data-nav") === found.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const fresh = document.createElement("div");
  fresh.className = "view";
  const next = await found.view(fresh, decodeURIComponent(found.match[1] ?? ""));
  if (own !== turn) {
    next?.leave?.(); // somebody went on in the meantime
    return;
  }
  shown = next;
  place.replaceChildren(fresh);
  place.inert = false;
  window.scrollTo(0, 0);
  const heading = fresh.querySelector("h1");
  document.title = `${heading?.textContent ?? "Kyara"} – Kyara`;
  const first = fresh.querySelector("[data-first]") ?? heading;
  if (first instanceof HTMLElement) first.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (
    !(event.target instanceof Element) ||
    event.ctrlKey ||
    event.metaKey ||
    event.shiftKey ||
    event.button
  )
    return;
  const link = event.target.closest("a[href^='/']");
  if (!link || link.hasAttribute("download")) return;
  event.preventDefault();
  go(/** @type {string} */ (link.getAttribute("href")));
});
window.addEventListener("popstate", () => void show());
