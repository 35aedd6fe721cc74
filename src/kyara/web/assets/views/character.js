// @ts-check
/** One character and its references. */

import { get, imageOf } from "../api.js";
import { announce, decide, onDecided } from "../deciding.js";
import { counted, fill, h } from "../dom.js";
import { figureGrid, gone } from "../grid.js";
import { useKeys } from "../keys.js";
import { allNames, nameField } from "../naming.js";
import { complain } from "../notices.js";
import { answer, questionCard } from "../questions.js";
import { go } from "../router.js";

const MOST = 6;

/** @type {import("../router.js").View} */
export async function characterView(place, id) {
  let { character } = await get(`/characters/${id}`, { limit: 1 });
  const head = h("header", { class: "heading person" });
  const bar = h("div", {
    class: "actions",
    role: "toolbar",
    "aria-label": "Selected references",
    hidden: true,
  });
  const others = async () => (await allNames()).filter((name) => name !== character.name);
  const somebody = nameField({
    label: "They show somebody else…",
    submit: "Move",
    names: others,
    onName: (name) => void move(name),
    onEscape: () => grid.clear(),
  });
  const renaming = nameField({
    label: "Another name…",
    submit: "Rename",
    names: async () => [],
    onName: (name) => void decide({ kind: "rename", character: character.name, name }),
  });
  const grid = figureGrid({
    label: "References",
    load: async (offset, limit) => {
      const page = await get(`/characters/${id}`, { offset, limit });
      return {
        total: page.character.references,
        items: page.references.map((/** @type {any} */ one, /** @type {number} */ n) => ({
          figure: one.figure,
          label: `Reference ${offset + n + 1}, ${one.by_person ? "you said so" : "from a folder"}`,
        })),
      };
    },
    onSelect: (items) => mark(items.length),
    onOpen: (item) => go(`/pictures/${item.figure.picture}`),
  });
  const misplaced = h("section", { "aria-label": "Perhaps out of place" });
  place.append(head, misplaced, bar, grid.element);

  /** References that probably show somebody else come first. */
  async function tellMisplaced() {
    const { questions } = await get("/suggestions", { kind: ["misplaced"], limit: 200 });
    const own = questions.filter(
      (/** @type {any} */ one) => one.sides[0].character === character.name,
    );
    fill(
      misplaced,
      own.length > 0 &&
        h(
          "ul",
          { class: "questions" },
          own
            .slice(0, MOST)
            .map((/** @type {any} */ one) =>
              questionCard(one, (yes) => void answer(one, yes).then(announce, complain)),
            ),
        ),
    );
  }

  function draw() {
    renaming.input.value = "";
    fill(
      head,
      character.cover &&
        h("img", { class: "face", src: imageOf(character.cover, 256), alt: "", onerror: gone }),
      h(
        "div",
        null,
        h("p", { class: "soft crumb" }, h("a", { href: "/characters" }, "Characters")),
        h("h1", { tabindex: "-1" }, h("bdi", null, character.name)),
        h(
          "p",
          { class: "soft" },
          `${counted(character.references, "reference")}. Select those that are wrong.`,
        ),
      ),
      renaming.element,
    );
  }

  /** @param {number} count */
  function mark(count) {
    bar.hidden = count === 0;
    fill(
      bar,
      h("span", null, `${counted(count, "reference")} selected`),
      h(
        "button",
        { type: "button", onclick: () => void reject() },
        "Not ",
        h("bdi", null, character.name),
      ),
      somebody.element,
      count === 1 && h("button", { type: "button", onclick: () => void cover() }, "Make cover"),
      count === 1 && h("button", { type: "button", onclick: () => open() }, "Open"),
      h(
        "button",
        { type: "button", onclick: () => void decide({ kind: "ignore", figures: figures() }) },
        "Ignore",
      ),
      h("button", { type: "button", class: "quiet", onclick: () => grid.clear() }, "Select none"),
    );
  }

  function figures() {
    const chosen = grid.selection();
    const current = grid.current();
    return (chosen.length ? chosen : current ? [current] : []).map((item) => item.figure);
  }

  /** A name that nobody has splits the references off; another moves them. @param {string} name */
  async function move(name) {
    const known = (await allNames()).includes(name);
    if (known) await decide({ kind: "confirm", character: name, figures: figures() });
    else await decide({ kind: "split", character: character.name, figures: figures(), into: name });
  }

  async function reject() {
    await decide({ kind: "reject", character: character.name, figures: figures() });
  }

  async function cover() {
    const figure = figures()[0];
    if (figure) await decide({ kind: "cover", character: character.name, figures: [figure] });
  }

  function open() {
    const figure = figures()[0];
    if (figure) go(`/pictures/${figure.picture}`);
  }

  async function refresh() {
    try {
      ({ character } = await get(`/characters/${id}`, { limit: 1 }));
      draw();
      await grid.reload();
      await tellMisplaced();
    } catch (problem) {
      if (/** @type {any} */ (problem).status === 404)
        go("/characters"); // merged away, or undone
      else complain(problem);
    }
  }

  useKeys([
    {
      keys: ["x"],
      what: "what is selected does not show this character",
      act: () => void reject(),
    },
    {
      keys: ["n"],
      what: "it shows somebody else: say the name",
      act: () => (bar.hidden ? renaming : somebody).input.focus(),
    },
    { keys: ["c"], what: "make it the cover", act: () => void cover() },
    { keys: ["o"], what: "open the picture", act: () => open() },
    {
      keys: ["Escape"],
      what: "select none, or back to the characters",
      act: () => (grid.selection().length ? grid.clear() : go("/characters")),
    },
  ]);
  draw();
  await grid.more();
  void tellMisplaced().catch(() => fill(misplaced)); // the model may be loading
  const ended = onDecided(() => void refresh());
  return { leave: () => (ended(), grid.leave()) };
}
