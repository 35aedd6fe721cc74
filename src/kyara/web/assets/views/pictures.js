// @ts-check
/** All pictures of the library; or those in which something is ignored, or whose files are gone. */

import { get } from "../api.js";
import { onDecided } from "../deciding.js";
import { counted, fill, h } from "../dom.js";
import { figureGrid } from "../grid.js";
import { useKeys } from "../keys.js";
import { complain } from "../notices.js";
import { go } from "../router.js";

const STATES = { all: "All", ignored: "Ignored", gone: "Not there any more" };

/** @type {import("../router.js").View} */
export async function picturesView(place) {
  /** @type {keyof typeof STATES} */
  let state = "all";
  const summary = h("p", { class: "soft" });
  const choice = h("div", { class: "row", role: "group", "aria-label": "Which pictures" });
  const grid = figureGrid({
    label: "Pictures",
    selects: false,
    load: async (offset, limit) => {
      const page = await get("/pictures", { state, offset, limit });
      fill(summary, `${counted(page.total, "picture")}, by name.`);
      const items = page.pictures.map((/** @type {any} */ one) => ({
        figure: { picture: one.picture, box: null },
        label: one.name,
      }));
      return { total: page.total, items };
    },
    onOpen: (item) => go(`/pictures/${item.figure.picture}`),
  });
  place.append(
    h(
      "header",
      { class: "heading" },
      h("div", null, h("h1", { tabindex: "-1" }, "Pictures"), summary),
      choice,
    ),
    grid.element,
  );

  function draw() {
    const states = /** @type {(keyof typeof STATES)[]} */ (Object.keys(STATES));
    fill(
      choice,
      states.map((one) =>
        h(
          "button",
          { type: "button", "aria-pressed": String(one === state), onclick: () => void show(one) },
          STATES[one],
        ),
      ),
    );
  }

  /** @param {keyof typeof STATES} next */
  async function show(next) {
    state = next;
    draw();
    await grid.reload();
  }

  useKeys([]);
  draw();
  await grid.more();
  const ended = onDecided(() => void grid.reload().catch(complain));
  return { leave: () => (ended(), grid.leave()) };
}
