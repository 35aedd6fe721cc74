// @ts-check
/** One picture: its figures, who they are and why, and what was said of it. */

import { get, imageOf, post } from "../api.js";
import { drawBox, framedPicture } from "../boxes.js";
import { candidateList } from "../candidates.js";
import { decide, onDecided, undo } from "../deciding.js";
import { fill, h, percent } from "../dom.js";
import { figureGrid, strip } from "../grid.js";
import { useKeys } from "../keys.js";
import { allNames, nameField } from "../naming.js";
import { complain } from "../notices.js";
import { go } from "../router.js";

/** @typedef {import("../api.js").Found} Found */

/** @type {import("../router.js").View} */
export async function pictureView(place, digest) {
  let picture = await get(`/pictures/${digest}`);
  let picked = 0;
  /** @type {[number, number, number, number] | null} */
  let drawn = null;
  const [width, height] = sizeOf(picture);
  const framed = framedPicture({
    src: imageOf({ picture: digest, box: null }, 1600),
    alt: picture.name,
    width,
    height,
    onPick: (n) => pick(n),
  });
  const panel = h("section", { class: "panel", "aria-label": "Who is it", "aria-live": "polite" });
  const past = h("section", { "aria-label": "History" });
  const alike = h("section", { "aria-label": "Pictures like this one" });
  const naming = nameField({
    label: "Who is this?",
    submit: "Name",
    names: allNames,
    onName: (name) => void confirm(name),
  });
  place.append(
    h(
      "header",
      { class: "heading" },
      h(
        "div",
        null,
        h("h1", { tabindex: "-1", class: "path" }, h("bdi", null, picture.name)),
        picture.gone && h("p", { class: "soft" }, "Its file is no longer where it was."),
      ),
    ),
    h("div", { class: "picture" }, framed.element, h("div", null, panel, past)),
    alike,
  );

  function draw() {
    framed.show(picture.figures.map(frameOf), drawn ? -1 : picked);
    const found = picture.figures[picked];
    fill(
      panel,
      drawn ? newBox() : found ? about(found) : h("p", null, "No figure was found here."),
      boxActions(),
    );
    fill(
      past,
      picture.history.length > 0 && [
        h("h2", null, "What was said"),
        h("ol", { class: "log" }, picture.history.map(entry)),
      ],
    );
  }

  function newBox() {
    return [
      h("h2", null, "A new box"),
      h("p", { class: "soft" }, "Say who it is: the figure becomes a reference."),
      naming.element,
    ];
  }

  /** @param {Found} found */
  function about(found) {
    return [
      picture.figures.length > 1 &&
        h("p", { class: "soft" }, `Figure ${picked + 1} of ${picture.figures.length}`),
      h("h2", null, verdict(found)),
      found.candidates.length > 0 &&
        h(
          "p",
          { class: "compare" },
          h("img", { src: imageOf(figureOf(found), 256), alt: "This figure" }),
          strip((found.candidates[0]?.nearest ?? []).slice(0, 2).map((near) => near.figure)),
        ),
      candidateList(found.candidates, {
        onChoose: (one) => void confirm(one.character),
        onReject: (one) => void say({ kind: "reject", character: one.character }),
      }),
      found.said.rejected.length > 0 &&
        h(
          "p",
          { class: "soft" },
          "It was said not to be ",
          found.said.rejected.map((name, n) => [n > 0 && ", ", h("bdi", null, name)]),
          ".",
        ),
      naming.element,
      h(
        "div",
        { class: "row" },
        found.said.character &&
          h(
            "button",
            {
              type: "button",
              onclick: () => void say({ kind: "reject", character: found.said.character }),
            },
            "Not ",
            h("bdi", null, found.said.character),
          ),
        found.said.character &&
          h(
            "button",
            {
              type: "button",
              onclick: () => void say({ kind: "cover", character: found.said.character }),
            },
            "Make cover",
          ),
        !found.said.ignored &&
          h("button", { type: "button", onclick: () => void say({ kind: "ignore" }) }, "Ignore"),
        h("button", { type: "button", onclick: () => void findAlike() }, "Find pictures like this"),
      ),
    ];
  }

  function boxActions() {
    return h(
      "p",
      { class: "row" },
      h("button", { type: "button", class: "quiet", onclick: () => beginBox() }, "Draw a box"),
      drawn &&
        h(
          "button",
          { type: "button", class: "quiet", onclick: () => ((drawn = null), draw()) },
          "Leave it",
        ),
    );
  }

  /** @param {Found} found */
  function verdict(found) {
    if (found.said.ignored) return "Ignored";
    if (found.said.character)
      return [
        h("bdi", null, found.said.character),
        h("small", null, found.said.by_person ? " you said so" : " its folder says so"),
      ];
    const best = found.candidates[0];
    if (!best) return "Nobody was named yet";
    const name = h("bdi", null, best.character);
    return found.character === "unknown"
      ? ["Unknown", h("small", null, " perhaps ", name, ` ${percent(best.probability)}`)]
      : ["Probably ", name, h("small", null, ` ${percent(best.probability)}`)];
  }

  /** @param {any} decision */
  function entry(decision) {
    const time = new Date(decision.time).toLocaleString();
    const isUndoable = decision.stands && decision.source === "person" && decision.undoes === null;
    return h(
      "li",
      { class: decision.stands ? "" : "undone" },
      h("span", null, decision.words),
      h("small", null, `${time}${decision.source === "person" ? "" : ", by a folder"}`),
      isUndoable &&
        h(
          "button",
          { type: "button", class: "quiet", onclick: () => void undo(decision.id) },
          "Undo",
        ),
    );
  }

  /** @param {number} n */
  function pick(n) {
    picked = n;
    drawn = null;
    fill(alike);
    draw();
  }

  function beginBox() {
    drawn = null;
    const { overlay } = framed;
    drawBox(overlay, {
      width,
      height,
      onDrawn: (box) => {
        drawn = box;
        draw();
        framed.show(
          [...picture.figures.map(frameOf), { box, label: "new", state: "unknown" }],
          picture.figures.length,
        );
        naming.input.focus();
      },
      onEnd: draw,
    });
  }

  /** @param {Found} found */
  function figureOf(found) {
    return { picture: digest, box: found.kind === "whole" ? null : found.box };
  }

  /** @param {any} change */
  async function say(change) {
    const found = picture.figures[picked];
    try {
      const figure = drawn
        ? await post(`/pictures/${digest}/figures`, { box: drawn })
        : figureOf(found);
      drawn = null;
      if (await decide({ ...change, figures: [figure] })) naming.input.value = "";
    } catch (problem) {
      complain(problem);
    }
  }

  const confirm = (/** @type {string} */ character) => say({ kind: "confirm", character });

  async function findAlike() {
    const figure = figureOf(picture.figures[picked]);
    const found = await get(`/pictures/${digest}/similar`, {
      limit: 60,
      ...(figure.box ? { box: figure.box.join(",") } : {}),
    });
    const items = found.figures.map((/** @type {any} */ near) => ({
      figure: near.figure,
      label: `${near.character ?? "without a name"}, ${near.score.toFixed(2)}`,
      badge: near.character ?? "",
    }));
    const grid = figureGrid({
      label: "Figures like this one",
      selects: false,
      load: async (offset) => ({ total: items.length, items: items.slice(offset) }),
      onOpen: (item) => go(`/pictures/${item.figure.picture}`),
    });
    fill(alike, h("h2", { tabindex: "-1" }, "Like this one"), grid.element);
    await grid.more();
    alike.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  async function refresh() {
    try {
      picture = await get(`/pictures/${digest}`);
      picked = Math.min(picked, Math.max(0, picture.figures.length - 1));
      draw();
    } catch (problem) {
      complain(problem);
    }
  }

  /** @param {number} by */
  function step(by) {
    if (picture.figures.length)
      pick((picked + by + picture.figures.length) % picture.figures.length);
  }

  useKeys([
    ...[1, 2, 3, 4, 5].map((n) => ({
      keys: [String(n)],
      what: n === 1 ? "it is the first, second… candidate" : "",
      act: () => {
        const one = picture.figures[picked]?.candidates[n - 1];
        if (one) void confirm(one.character);
      },
    })),
    { keys: ["ArrowRight"], what: "next figure", act: () => step(1) },
    { keys: ["ArrowLeft"], what: "figure before", act: () => step(-1) },
    { keys: ["n"], what: "say who it is", act: () => naming.input.focus() },
    {
      keys: ["x"],
      what: "it is not the first candidate",
      act: () => {
        const one = picture.figures[picked]?.candidates[0];
        if (one) void say({ kind: "reject", character: one.character });
      },
    },
    { keys: ["i"], what: "ignore it", act: () => void say({ kind: "ignore" }) },
    { keys: ["b"], what: "draw a box", act: () => beginBox() },
    {
      keys: ["f"],
      what: "find pictures like this one",
      act: () => void findAlike().catch(complain),
    },
  ]);
  draw();
  return { leave: onDecided(() => void refresh()) };
}

/** @param {Found} found */
function frameOf(found) {
  const known = found.said.character;
  const best = found.candidates[0];
  if (found.said.ignored)
    return { box: found.box, label: "ignored", state: /** @type {const} */ ("ignored") };
  if (known) return { box: found.box, label: known, state: /** @type {const} */ ("known") };
  if (found.character && found.character !== "unknown")
    return {
      box: found.box,
      label: `probably ${found.character}`,
      state: /** @type {const} */ ("perhaps"),
    };
  return {
    box: found.box,
    label: best ? `unknown, perhaps ${best.character}` : "without a name",
    state: /** @type {const} */ ("unknown"),
  };
}

/** @param {any} picture @returns {[number, number]} */
function sizeOf(picture) {
  if (picture.width && picture.height) return [picture.width, picture.height];
  const edges = picture.figures.map((/** @type {Found} */ found) => found.box);
  return [
    Math.max(1, ...edges.map((/** @type {number[]} */ box) => box[2])),
    Math.max(1, ...edges.map((/** @type {number[]} */ box) => box[3])),
  ];
}
