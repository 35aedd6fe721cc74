// @ts-check
/** Who is in pictures that are dropped here? They are not kept. */

import { identify } from "../api.js";
import { framedPicture } from "../boxes.js";
import { candidateList } from "../candidates.js";
import { fill, h, percent } from "../dom.js";
import { complain } from "../notices.js";
import { go } from "../router.js";
import { useKeys } from "../keys.js";

/** Files that were dropped on another page. @type {File[]} */
let waiting = [];

/** Ask who is in these, on the page for that. @param {File[]} files */
export function askAbout(files) {
  waiting = files.filter((file) => file.type.startsWith("image/"));
  if (waiting.length) go("/ask");
}

/** @type {import("../router.js").View} */
export async function askView(place) {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "file",
      accept: "image/*",
      multiple: true,
      id: "files",
      class: "hidden-file",
      onchange: () => void ask([...(input.files ?? [])]),
    })
  );
  const results = h("div", { class: "answers", "aria-live": "polite" });
  /** @type {string[]} */
  const addresses = [];
  place.append(
    h(
      "header",
      { class: "heading" },
      h(
        "div",
        null,
        h("h1", { tabindex: "-1" }, "Who is this?"),
        h(
          "p",
          { class: "soft" },
          "Drop pictures here, or anywhere on these pages. They are looked at and not kept.",
        ),
      ),
    ),
    h(
      "div",
      { class: "drop" },
      input,
      h("label", { for: "files", class: "button primary" }, "Choose pictures"),
      h("span", { class: "soft" }, "or drop or paste them"),
    ),
    results,
  );

  /** @param {File[]} files */
  async function ask(files) {
    if (!files.length) return;
    fill(results, h("p", { class: "empty" }, "Looking…"));
    try {
      const { pictures } = await identify(files);
      forget();
      fill(
        results,
        pictures.map((/** @type {any} */ one, /** @type {number} */ n) =>
          answer(one, /** @type {File} */ (files[n])),
        ),
      );
    } catch (problem) {
      fill(results);
      complain(problem);
    }
  }

  /** @param {any} picture @param {File} file */
  function answer(picture, file) {
    if (picture.error)
      return h(
        "article",
        { class: "answer" },
        h("h2", { class: "path" }, h("bdi", null, picture.name)),
        h("p", { class: "problem" }, picture.error),
      );
    const src = URL.createObjectURL(file);
    addresses.push(src);
    let picked = 0;
    const panel = h("div", { class: "panel" });
    const framed = framedPicture({
      src,
      alt: picture.name,
      width: picture.width,
      height: picture.height,
      onPick: (n) => ((picked = n), draw()),
    });
    const frames = picture.figures.map((/** @type {any} */ found) => ({
      box: found.box,
      label: name(found),
      state: found.character === "unknown" || !found.character ? "unknown" : "perhaps",
    }));
    function draw() {
      const found = picture.figures[picked];
      framed.show(frames, picked);
      fill(
        panel,
        found
          ? [
              h(
                "h2",
                null,
                h("bdi", null, name(found)),
                h("small", null, ` ${percent(found.candidates[0]?.probability)}`),
              ),
              candidateList(found.candidates),
            ]
          : h("p", null, "No figure was found."),
      );
    }
    draw();
    return h(
      "article",
      { class: "answer" },
      h("p", { class: "soft path" }, h("bdi", null, picture.name)),
      h("div", { class: "picture" }, framed.element, panel),
    );
  }

  /** @param {any} found */
  function name(found) {
    const best = found.candidates[0];
    if (!best) return "Nobody was named yet";
    return found.character === "unknown" ? `Unknown, perhaps ${best.character}` : found.character;
  }

  function forget() {
    for (const address of addresses.splice(0)) URL.revokeObjectURL(address);
  }

  useKeys([{ keys: ["Enter"], what: "choose pictures", act: () => input.click() }]);
  if (waiting.length) void ask(waiting.splice(0));
  return { leave: forget };
}
