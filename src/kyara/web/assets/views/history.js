// @ts-check
/** Everything that was decided. */

import { get } from "../api.js";
import { onDecided, undo } from "../deciding.js";
import { counted, fill, h } from "../dom.js";
import { useKeys } from "../keys.js";
import { complain } from "../notices.js";

const PAGE = 100;

/** @type {import("../router.js").View} */
export async function historyView(place) {
  const list = h("ol", { class: "log" });
  const summary = h("p", { class: "soft" });
  const more = h(
    "button",
    { type: "button", onclick: () => void load(list.children.length).catch(complain) },
    "Older ones",
  );
  place.append(
    h(
      "header",
      { class: "heading" },
      h("div", null, h("h1", { tabindex: "-1" }, "What was decided"), summary),
    ),
    list,
    h("p", { class: "center" }, more),
  );

  /** @param {number} offset */
  async function load(offset) {
    const page = await get("/decisions", { offset, limit: PAGE });
    if (!offset) fill(list);
    list.append(...page.decisions.map(entry));
    more.hidden = list.children.length >= page.total;
    fill(
      summary,
      page.total
        ? `${counted(page.total, "decision")}, the latest first. Nothing is ever deleted, all can be taken back.`
        : "Nothing was decided yet.",
    );
  }

  /** @param {any} decision */
  function entry(decision) {
    const by = { person: "you", import: "a folder", model: "the model" }[
      /** @type {"person"} */ (decision.source)
    ];
    const words =
      decision.undoes === null ? decision.words : `Decision ${decision.undoes} taken back`;
    return h(
      "li",
      { class: decision.stands ? "" : "undone" },
      h("span", null, h("b", { class: "number" }, decision.id), words),
      h("small", null, `${new Date(decision.time).toLocaleString()}, by ${by}`),
      decision.stands &&
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-label": `Undo decision ${decision.id}`,
            onclick: () => void undo(decision.id),
          },
          decision.undoes === null ? "Undo" : "Redo",
        ),
    );
  }

  useKeys([]);
  await load(0);
  return { leave: onDecided(() => void load(0).catch(complain)) };
}
