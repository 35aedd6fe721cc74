// @ts-check
/** Groups that nobody named, the largest first. */

import { get, post } from "../api.js";
import { decide, onDecided } from "../deciding.js";
import { counted, fill, h, percent } from "../dom.js";
import { strip } from "../grid.js";
import { useKeys } from "../keys.js";
import { allNames, nameField } from "../naming.js";
import { complain, notice } from "../notices.js";
import { go } from "../router.js";

const PAGE = 48;

/** @type {import("../router.js").View} */
export async function groupsView(place) {
  /** @type {Set<number>} */
  const chosen = new Set();
  const list = h("ul", { class: "cards", "aria-label": "Groups" });
  const summary = h("p", { class: "soft" });
  const bar = h("div", {
    class: "actions",
    role: "toolbar",
    "aria-label": "Selected groups",
    hidden: true,
  });
  const more = h(
    "button",
    { type: "button", onclick: () => void load(list.children.length).catch(complain) },
    "More groups",
  );
  const search = h("button", { type: "button", onclick: () => void searchAgain() }, "Group again");
  const naming = nameField({
    label: "All selected are…",
    submit: "Name",
    names: allNames,
    onName: (name) => void nameChosen(name),
  });

  place.append(
    h(
      "header",
      { class: "heading" },
      h("div", null, h("h1", { tabindex: "-1" }, "Who is in here?"), summary),
      h(
        "div",
        { class: "row" },
        h("a", { href: "/pictures", class: "button" }, "All pictures"),
        search,
      ),
    ),
    bar,
    list,
    h("p", { class: "center" }, more),
  );

  /** @param {number} offset */
  async function load(offset) {
    const [page, session] = await Promise.all([
      get("/groups", { offset, limit: PAGE }),
      get("/session"),
    ]);
    if (!offset) {
      fill(list);
      chosen.clear();
      mark();
    }
    list.append(...page.groups.map(card));
    void tellPerhaps(page.groups.map((/** @type {any} */ group) => group.number));
    more.hidden = list.children.length >= page.total;
    fill(
      summary,
      page.total
        ? `${counted(page.total, "group")} without a name, the largest first. Open one and say who it is.`
        : nothing(session),
    );
  }

  /** @param {any} session */
  function nothing(session) {
    if (!session.pictures)
      return "The library is empty: kyara group FOLDER --library FILE adds pictures and groups them.";
    return "Every group has a name. Group again after adding pictures, or look at the doubtful ones.";
  }

  /** @param {any} group */
  function card(group) {
    const label = `Group ${group.number}: ${counted(group.figures, "figure")}`;
    return h(
      "li",
      { class: "card" },
      h(
        "a",
        { href: `/groups/${group.number}`, "aria-label": label, class: "cover" },
        h(
          "span",
          { class: `mosaic of-${Math.min(4, group.sample.length)}` },
          strip(group.sample.slice(0, 4)),
        ),
        h(
          "span",
          { class: "caption" },
          h("strong", null, counted(group.figures, "figure")),
          h("span", { class: "soft", "data-perhaps": group.number }, "\u00a0"),
        ),
      ),
      h(
        "label",
        { class: "pick" },
        h("input", {
          type: "checkbox",
          "aria-label": `Select group ${group.number}`,
          onchange: (/** @type {any} */ event) => pick(group.number, event.target.checked),
        }),
      ),
    );
  }

  /** Say of each group who it probably is, as soon as the model is there. @param {number[]} numbers */
  async function tellPerhaps(numbers) {
    if (!numbers.length) return;
    const { groups } = await get("/groups/perhaps", { number: numbers }).catch(() => ({
      groups: [],
    }));
    for (const one of groups) {
      const caption = list.querySelector(`[data-perhaps="${one.number}"]`);
      if (caption)
        fill(caption, "perhaps ", h("bdi", null, one.character), ` ${percent(one.probability)}`);
    }
  }

  /** @param {number} number @param {boolean} isChosen */
  function pick(number, isChosen) {
    if (isChosen) chosen.add(number);
    else chosen.delete(number);
    mark();
  }

  function mark() {
    bar.hidden = chosen.size === 0;
    fill(
      bar,
      h("span", null, `${counted(chosen.size, "group")} selected`),
      naming.element,
      chosen.size > 1 &&
        h(
          "button",
          { type: "button", onclick: () => void joinChosen() },
          "One character, no name yet",
        ),
      chosen.size > 1 &&
        h("button", { type: "button", onclick: () => void apart() }, "Different characters"),
      h("button", { type: "button", onclick: () => void ignoreChosen() }, "Ignore"),
    );
  }

  /** @param {string} name */
  async function nameChosen(name) {
    for (const group of [...chosen])
      if (!(await decide({ kind: "confirm", group, character: name }))) break;
  }

  async function ignoreChosen() {
    for (const group of [...chosen]) if (!(await decide({ kind: "ignore", group }))) break;
  }

  async function joinChosen() {
    if (await decide({ kind: "together", groups: [...chosen] })) await searchAgain();
  }

  async function apart() {
    await decide({ kind: "apart", groups: [...chosen] });
  }

  async function searchAgain() {
    try {
      await post("/groups/search", {});
      notice("Looking for groups…");
      let state = { running: true, problem: null };
      while (state.running) {
        await new Promise((resolve) => setTimeout(resolve, 400));
        state = await get("/groups/search");
      }
      if (state.problem) throw new Error(state.problem);
      notice("The groups are new.");
      await load(0);
    } catch (problem) {
      complain(problem);
    }
  }

  useKeys([
    { keys: ["Enter"], what: "open the group", act: () => open() },
    { keys: ["ArrowRight", "ArrowDown"], what: "next group", act: () => step(1) },
    { keys: ["ArrowLeft", "ArrowUp"], what: "group before", act: () => step(-1) },
    {
      keys: [" "],
      what: "select the group",
      act: () => /** @type {any} */ (focused()?.querySelector("input"))?.click(),
    },
  ]);

  function focused() {
    return document.activeElement?.closest(".card");
  }

  function open() {
    const link = (focused() ?? list.firstElementChild)?.querySelector("a");
    if (link) go(/** @type {string} */ (link.getAttribute("href")));
  }

  /** @param {number} by */
  function step(by) {
    const cards = [...list.children];
    const from = cards.indexOf(/** @type {any} */ (focused()));
    const next = cards[from < 0 ? 0 : Math.max(0, Math.min(cards.length - 1, from + by))];
    next?.querySelector("a")?.focus();
  }

  await load(0);
  return { leave: onDecided(() => void load(0).catch(complain)) };
}
