// @ts-check
/** Who it may be: a list with a key for each, how probable, and the references that say so. */

import { h, keycapFor, percent } from "./dom.js";
import { strip } from "./grid.js";

/** @typedef {import("./api.js").Candidate} Candidate */

/**
 * @param {Candidate[]} candidates
 * @param {{onChoose?: (candidate: Candidate) => void, onReject?: (candidate: Candidate) => void}} acts
 */
export function candidateList(candidates, { onChoose, onReject } = {}) {
  return h(
    "ol",
    { class: "candidates", "aria-label": "Who it may be" },
    candidates.map((candidate, n) =>
      h(
        "li",
        { class: "candidate" },
        choice(candidate, n, onChoose),
        onReject && rejection(candidate, onReject),
      ),
    ),
  );
}

/** @param {Candidate} candidate @param {number} n @param {((candidate: Candidate) => void) | undefined} onChoose */
function choice(candidate, n, onChoose) {
  const probability = candidate.probability ?? 0;
  const content = [
    onChoose && keycapFor(String(n + 1)),
    h(
      "span",
      { class: "who" },
      h("bdi", null, candidate.character),
      h("span", { class: "soft" }, percent(candidate.probability)),
    ),
    h(
      "span",
      { class: "bar", "aria-hidden": "true" },
      h("span", { style: { width: `${100 * probability}%` } }),
    ),
    h("span", { class: "strip" }, strip(candidate.nearest.map((near) => near.figure))),
  ];
  if (!onChoose) return h("div", { class: "choice" }, content);
  return h(
    "button",
    { type: "button", class: "choice", "data-choice": n + 1, onclick: () => onChoose(candidate) },
    content,
  );
}

/** @param {Candidate} candidate @param {(candidate: Candidate) => void} onReject */
function rejection(candidate, onReject) {
  const label = `Not ${candidate.character}`;
  return h(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-label": label,
      title: label,
      onclick: () => onReject(candidate),
    },
    "Not",
  );
}
