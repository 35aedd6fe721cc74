// @ts-check
/** All characters. */

import { get, imageOf } from "../api.js";
import { asked, decide, onDecided } from "../deciding.js";
import { counted, fill, h } from "../dom.js";
import { gone } from "../grid.js";
import { useKeys } from "../keys.js";
import { complain } from "../notices.js";
import { go } from "../router.js";

/** @type {import("../router.js").View} */
export async function charactersView(place) {
  /** @type {any[]} */
  let characters = [];
  /** @type {Set<string>} */
  const chosen = new Set();
  const list = h("ul", { class: "cards small", "aria-label": "Characters" });
  const summary = h("p", { class: "soft" });
  const bar = h("div", {
    class: "actions",
    role: "toolbar",
    "aria-label": "Selected characters",
    hidden: true,
  });
  const filter = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "search",
      placeholder: "Find a name",
      "aria-label": "Find a name",
      oninput: () => draw(),
    })
  );
  place.append(
    h(
      "header",
      { class: "heading" },
      h("div", null, h("h1", { tabindex: "-1" }, "Characters"), summary),
      h("div", { class: "row" }, filter),
    ),
    bar,
    list,
  );

  async function load() {
    ({ characters } = await get("/characters"));
    chosen.clear();
    mark();
    draw();
  }

  function draw() {
    const wanted = filter.value.trim().toLocaleLowerCase();
    const shown = characters.filter((one) => one.name.toLocaleLowerCase().includes(wanted));
    fill(
      summary,
      characters.length
        ? `${counted(characters.length, "character")}, ${counted(
            characters.reduce((sum, one) => sum + one.references, 0),
            "reference",
          )}.`
        : "Nobody has a name yet. Open a group and say who it is.",
    );
    fill(list, shown.map(card));
  }

  /** @param {any} character */
  function card(character) {
    return h(
      "li",
      { class: "card" },
      h(
        "a",
        { href: `/characters/${character.id}`, class: "cover" },
        h(
          "span",
          { class: "mosaic of-1" },
          character.cover
            ? h("img", {
                src: imageOf(character.cover, 256),
                alt: "",
                loading: "lazy",
                decoding: "async",
                onerror: gone,
              })
            : h("span", { class: "gone" }, "no picture"),
        ),
        h(
          "span",
          { class: "caption" },
          h("strong", null, h("bdi", null, character.name)),
          h("span", { class: "soft" }, counted(character.references, "reference")),
        ),
      ),
      h(
        "label",
        { class: "pick" },
        h("input", {
          type: "checkbox",
          "aria-label": `Select ${character.name}`,
          checked: chosen.has(character.name),
          onchange: (/** @type {any} */ event) => pick(character.name, event.target.checked),
        }),
      ),
    );
  }

  /** @param {string} name @param {boolean} isChosen */
  function pick(name, isChosen) {
    if (isChosen) chosen.add(name);
    else chosen.delete(name);
    mark();
  }

  function mark() {
    bar.hidden = chosen.size === 0;
    fill(
      bar,
      h("span", null, `${counted(chosen.size, "character")} selected`),
      chosen.size > 1
        ? [
            h(
              "button",
              { type: "button", class: "primary", onclick: () => void merge() },
              "Merge into one",
            ),
            h("button", { type: "button", onclick: () => void apart() }, "They are different"),
          ]
        : h("span", { class: "soft" }, "Select another to merge them."),
    );
  }

  async function merge() {
    const names = [...chosen];
    const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
    const into = await asked(dialog, [
      h("h2", null, "Whose name stays?"),
      h("p", null, "They become one character. That can be undone."),
      h(
        "form",
        { method: "dialog", class: "row" },
        names.map((name, n) => h("button", { value: name, autofocus: n === 0 }, name)),
        h("button", { value: "", class: "quiet" }, "Cancel"),
      ),
    ]);
    if (into)
      await decide({ kind: "merge", characters: names.filter((name) => name !== into), into });
  }

  async function apart() {
    await decide({ kind: "apart", characters: [...chosen] });
  }

  useKeys([
    { keys: ["/"], what: "find a name", act: () => filter.focus() },
    {
      keys: ["m"],
      what: "merge the selected characters",
      act: () => void (chosen.size > 1 && merge()),
    },
    {
      keys: [" "],
      what: "select the character",
      act: () => /** @type {any} */ (focused()?.querySelector("input"))?.click(),
    },
    { keys: ["ArrowRight", "ArrowDown"], what: "next character", act: () => step(1) },
    { keys: ["ArrowLeft", "ArrowUp"], what: "character before", act: () => step(-1) },
    {
      keys: ["Enter"],
      what: "open the character",
      act: () => {
        const link = focused()?.querySelector("a");
        if (link) go(/** @type {string} */ (link.getAttribute("href")));
      },
    },
  ]);

  function focused() {
    return document.activeElement?.closest(".card");
  }

  /** @param {number} by */
  function step(by) {
    const cards = [...list.children];
    const from = cards.indexOf(/** @type {any} */ (focused()));
    cards[from < 0 ? 0 : Math.max(0, Math.min(cards.length - 1, from + by))]
      ?.querySelector("a")
      ?.focus();
  }

  await load();
  return { leave: onDecided(() => void load().catch(complain)) };
}
