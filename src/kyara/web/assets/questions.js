// @ts-check
/** Questions whose answers settle much: a card for each, with yes and no. */

import { post } from "./api.js";
import { counted, h, percent } from "./dom.js";
import { strip } from "./grid.js";

/**
 * @typedef {import("./api.js").Figure} Figure
 * @typedef {{group: number | null, character: string | null, pictures: number, figures: Figure[]}} Side
 * @typedef {{key: string, kind: "merge" | "named" | "misplaced" | "alike" | "copies", sides: Side[],
 *   figures: Figure[], probability: number | null, settles: number}} Question
 */

/** @param {Question} question @param {boolean} yes */
export function answer(question, yes) {
  return post("/suggestions", { key: question.key, kind: question.kind, yes });
}

/** @param {Question} question @param {(yes: boolean) => void} onAnswer */
export function questionCard(question, onAnswer) {
  const { yes, no } = ANSWERS[question.kind];
  const settled = question.probability === null ? "" : `${percent(question.probability)} likely, `;
  return h(
    "li",
    { class: "question", tabindex: "-1" },
    h("h2", null, words(question)),
    h("p", { class: "soft" }, `${settled}settles ${counted(question.settles, "picture")}`),
    h(
      "div",
      { class: "sides" },
      question.figures.length > 0 && figures("", question.figures),
      question.sides.map((side) => figures(called(side), side.figures, linkOf(side))),
    ),
    h(
      "div",
      { class: "row" },
      yes &&
        h(
          "button",
          { type: "button", class: "primary", "data-answer": "yes", onclick: () => onAnswer(true) },
          yes,
        ),
      h("button", { type: "button", "data-answer": "no", onclick: () => onAnswer(false) }, no),
    ),
  );
}

const ANSWERS = {
  merge: { yes: "Yes, they are one", no: "No, different" },
  named: { yes: "Yes", no: "No" },
  misplaced: { yes: "Take it out", no: "It is right" },
  alike: { yes: "", no: "They are different" },
  copies: { yes: "Keep one of them", no: "No copies" },
};

/** @param {Question} question */
function words({ kind, sides, figures: shown }) {
  const [first, second] = sides.map((side) => h("bdi", null, called(side)));
  switch (kind) {
    case "merge":
      return ["Are ", first, " and ", second, " one?"];
    case "named":
      return ["Is ", first, " ", second, "?"];
    case "misplaced":
      return ["Is this ", second, " rather than ", first, "?"];
    case "alike":
      return [first, " and ", second, " are alike"];
    default:
      return `Are these ${shown.length} copies of one picture?`;
  }
}

/** @param {Side} side */
function called(side) {
  return side.character ?? `group ${side.group}`;
}

/** @param {Side} side */
function linkOf(side) {
  return side.group === null ? null : `/groups/${side.group}`;
}

/** @param {string} title @param {Figure[]} shown @param {string | null} [link] */
function figures(title, shown, link = null) {
  return h(
    "figure",
    { class: "side" },
    h("div", { class: "strip" }, strip(shown)),
    title && h("figcaption", null, link ? h("a", { href: link }, title) : h("bdi", null, title)),
  );
}
