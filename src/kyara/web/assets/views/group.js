// @ts-check
/** One group: who is it? */

import { get } from "../api.js";
import { candidateList } from "../candidates.js";
import { decide, onDecided } from "../deciding.js";
import { counted, fill, h } from "../dom.js";
import { figureGrid } from "../grid.js";
import { useKeys } from "../keys.js";
import { allNames, nameField } from "../naming.js";
import { complain } from "../notices.js";
import { go } from "../router.js";

/** @type {import("../router.js").View} */
export async function groupView(place, number) {
  const group = Number(number);
  const next = await following(group);
  /** @type {import("../api.js").Candidate[]} */
  let candidates = [];
  const summary = h("p", { class: "soft" });
  const perhaps = h("div");
  const bar = h("div", {
    class: "actions",
    role: "toolbar",
    "aria-label": "Selected figures",
    hidden: true,
  });
  const naming = nameField({
    label: "Who is this?",
    submit: "Name",
    names: allNames,
    onName: (name) => void nameIt(name),
    onEscape: () => grid.clear(),
  });
  naming.input.setAttribute("data-first", "");

  const grid = figureGrid({
    label: "Figures of the group",
    load: async (offset, limit) => {
      const page = await get(`/groups/${group}`, { offset, limit });
      fill(
        summary,
        `${counted(page.total, "figure")} that seem to show one character. Select those that do not belong to it.`,
      );
      return {
        total: page.total,
        items: page.figures.map((/** @type {any} */ figure, /** @type {number} */ n) => ({
          figure,
          label: `Figure ${offset + n + 1}`,
        })),
      };
    },
    onSelect: (items) => mark(items.length),
    onOpen: (item) => go(`/pictures/${item.figure.picture}`),
  });

  place.append(
    h(
      "header",
      { class: "heading" },
      h(
        "div",
        null,
        h("p", { class: "soft crumb" }, h("a", { href: "/" }, "Groups"), ` / ${group}`),
        h("h1", { tabindex: "-1" }, "Who is this?"),
        summary,
      ),
    ),
    h(
      "div",
      { class: "lead" },
      naming.element,
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", onclick: () => void ignore() }, "Ignore"),
        next && h("a", { class: "button", href: `/groups/${next}` }, "Later"),
      ),
    ),
    perhaps,
    bar,
    grid.element,
  );

  /** @param {number} count */
  function mark(count) {
    bar.hidden = count === 0;
    fill(
      bar,
      h("span", null, `${counted(count, "figure")} selected: a name is given to these alone.`),
      h("button", { type: "button", onclick: () => void nameOthers() }, "Name the others"),
      h("button", { type: "button", onclick: () => void ignore() }, "Ignore these"),
      count === 1 &&
        h(
          "button",
          {
            type: "button",
            onclick: () =>
              go(`/pictures/${/** @type {any} */ (grid.selection()[0]).figure.picture}`),
          },
          "Open",
        ),
      h("button", { type: "button", class: "quiet", onclick: () => grid.clear() }, "Select none"),
    );
  }

  function chosen() {
    const items = grid.selection();
    return items.length ? { figures: items.map((item) => item.figure) } : { group };
  }

  /** @param {string} name */
  async function nameIt(name) {
    const isWhole = grid.selection().length === 0;
    if (await decide({ kind: "confirm", character: name, ...chosen() })) await goOn(isWhole);
  }

  async function nameOthers() {
    const name = naming.input.value.trim();
    if (!name) {
      naming.input.focus();
      return;
    }
    const figures = grid.others().map((item) => item.figure);
    await decide({ kind: "confirm", character: name, figures });
  }

  async function ignore() {
    const isWhole = grid.selection().length === 0;
    if (await decide({ kind: "ignore", ...chosen() })) await goOn(isWhole);
  }

  /** @param {import("../api.js").Candidate} candidate */
  async function notThem(candidate) {
    await decide({ kind: "reject", character: candidate.character, ...chosen() });
  }

  /** @param {boolean} isWhole */
  async function goOn(isWhole) {
    naming.input.value = "";
    if (isWhole) go(next ? `/groups/${next}` : "/");
    else naming.input.focus();
  }

  async function suggest() {
    const found = await get(`/groups/${group}/candidates`);
    candidates = found.candidates;
    fill(
      perhaps,
      candidates.length > 0 &&
        h(
          "section",
          { class: "perhaps", "aria-label": "Perhaps" },
          candidateList(candidates, {
            onChoose: (one) => void nameIt(one.character),
            onReject: (one) => void notThem(one),
          }),
        ),
    );
  }

  useKeys([
    ...[1, 2, 3, 4, 5].map((n) => ({
      keys: [String(n)],
      what: n === 1 ? "it is the first, second… candidate" : "",
      act: () =>
        void (candidates[n - 1] && nameIt(/** @type {any} */ (candidates[n - 1]).character)),
    })),
    { keys: ["n"], what: "say a name", act: () => naming.input.focus() },
    {
      keys: ["x"],
      what: "it is not the first candidate",
      act: () => void (candidates[0] && notThem(candidates[0])),
    },
    { keys: ["i"], what: "ignore the group, or what is selected", act: () => void ignore() },
    { keys: ["l"], what: "later: the next group", act: () => go(next ? `/groups/${next}` : "/") },
    {
      keys: ["Escape"],
      what: "back to the groups",
      act: () => (grid.selection().length ? grid.clear() : go("/")),
    },
  ]);

  await grid.more();
  void suggest().catch(() => fill(perhaps));
  const ended = onDecided(() => void refresh());
  async function refresh() {
    try {
      await get(`/groups/${group}`, { limit: 1 });
      await grid.reload();
      await suggest();
    } catch (problem) {
      if (/** @type {any} */ (problem).status !== 404) complain(problem); // 404: all of it has a name
    }
  }
  return { leave: () => (ended(), grid.leave()) };
}

/** The group after this one, by size. @param {number} group */
async function following(group) {
  const { groups } = await get("/groups", { limit: 200 });
  const place = groups.findIndex((/** @type {any} */ one) => one.number === group);
  return (
    groups[place + 1]?.number ??
    groups.find((/** @type {any} */ one) => one.number !== group)?.number
  );
}
