// @ts-check
/** The doubtful answers, one after the other. */

import { get, imageOf, keyOf } from "../api.js";
import { candidateList } from "../candidates.js";
import { decide, onDecided, undo } from "../deciding.js";
import { counted, fill, h, icon, percent } from "../dom.js";
import { gone, strip } from "../grid.js";
import { useKeys } from "../keys.js";
import { allNames, nameField } from "../naming.js";
import { complain } from "../notices.js";
import { go } from "../router.js";

const AHEAD = 24;

/** @type {import("../router.js").View} */
export async function doubtsView(place) {
  /** @type {any[]} */
  let items = [];
  let total = 0;
  /** What was put off. @type {Set<string>} */
  const later = new Set();
  /** What was decided, and perhaps is still in an older list. @type {Set<string>} */
  const done = new Set();
  /** Shown before, the last at the end. @type {any[]} */
  const before = [];
  let said = 0;
  /** What the card shows. */
  let shown = "";
  let isBusy = false;
  let isStale = false;

  const card = h("section", { class: "doubt", "aria-live": "polite" });
  const ahead = h("div", { class: "ahead strip", "aria-hidden": "true" });
  const summary = h("p", { class: "soft" });
  const naming = nameField({
    label: "Somebody else…",
    submit: "Name",
    names: allNames,
    onName: (name) => void confirm(name),
    onEscape: () => card.focus(),
  });
  place.append(
    h(
      "header",
      { class: "heading" },
      h("div", null, h("h1", { tabindex: "-1" }, "Doubtful"), summary),
    ),
    card,
    ahead,
  );

  async function load() {
    isStale = false;
    const begun = said;
    const queue = await get("/queue", { limit: Math.min(200, AHEAD + later.size + done.size) });
    total = queue.total;
    if (begun === said) done.clear(); // this list knows all that was said
    const current = items[0];
    const fresh = queue.items.filter(
      (/** @type {any} */ item) => !later.has(keyOf(item.figure)) && !done.has(keyOf(item.figure)),
    );
    const same =
      current &&
      fresh.find((/** @type {any} */ item) => keyOf(item.figure) === keyOf(current.figure));
    items = same ? [same, ...fresh.filter((/** @type {any} */ item) => item !== same)] : fresh;
    draw();
  }

  /** Ask again for what comes next, once at a time. */
  async function refresh() {
    if (isBusy) {
      isStale = true;
      return;
    }
    isBusy = true;
    try {
      do await load();
      while (isStale);
    } catch (problem) {
      complain(problem);
    } finally {
      isBusy = false;
    }
  }

  function draw() {
    const item = items[0];
    const drawn = JSON.stringify([item, before.length > 0, later.size]);
    fill(
      summary,
      total
        ? `${counted(total, "figure")} without a name; those stand first that the model is least sure of.`
        : "",
    );
    fill(ahead, strip(items.slice(1, 13).map((one) => one.figure)));
    if (drawn === shown) return; // somebody may be typing in it
    shown = drawn;
    if (!item) {
      fill(
        card,
        h(
          "p",
          { class: "empty" },
          later.size ? `${counted(later.size, "figure")} put off. ` : "Nothing is doubtful. ",
          later.size > 0 &&
            h(
              "button",
              { type: "button", onclick: () => (later.clear(), void refresh()) },
              "Show them again",
            ),
        ),
      );
      return;
    }
    const found = item.found;
    const isTyping = document.activeElement === naming.input;
    fill(
      card,
      h(
        "div",
        { class: "portrait" },
        h(
          "a",
          { href: `/pictures/${item.figure.picture}`, "aria-label": `The picture ${item.name}` },
          h("img", {
            src: imageOf(item.figure, 512),
            alt: `The figure in ${item.name}`,
            onerror: gone,
          }),
        ),
        h("p", { class: "soft path" }, h("bdi", null, item.name)),
      ),
      h(
        "div",
        { class: "verdict" },
        h("h2", null, question(found)),
        candidateList(found.candidates, {
          onChoose: (one) => void confirm(one.character),
          onReject: (one) => void reject(one.character),
        }),
        naming.element,
        h(
          "div",
          { class: "row" },
          h(
            "button",
            { type: "button", onclick: () => void rejectFirst() },
            "Not ",
            h("bdi", null, found.candidates[0]?.character ?? ""),
          ),
          h("button", { type: "button", onclick: () => void ignore() }, "Ignore"),
          h("button", { type: "button", onclick: () => putOff() }, "Later"),
          before.length > 0 &&
            h(
              "button",
              { type: "button", class: "quiet", onclick: () => void back() },
              icon("undo"),
              "Back",
            ),
        ),
      ),
    );
    if (isTyping) naming.input.focus();
  }

  /** @param {any} found */
  function question(found) {
    const best = found.candidates[0];
    if (!best) return "Nobody is left.";
    const name = h("bdi", null, best.character);
    return found.character === "unknown"
      ? ["Nobody you know, or ", name, "?"]
      : ["Is this ", name, `? ${percent(best.probability)}`];
  }

  /** @param {any} change */
  async function say(change) {
    const item = items[0];
    if (!item) return;
    const key = keyOf(item.figure);
    done.add(key);
    said++;
    const decision = await decide({ ...change, figures: [item.figure] });
    if (!decision) {
      done.delete(key);
      return;
    }
    before.push({ item, decision: decision.id });
    naming.input.value = "";
    if (change.kind === "reject")
      done.delete(key); // somebody else may come first now
    else items.shift();
    draw();
    card.focus();
  }

  const confirm = (/** @type {string} */ character) => say({ kind: "confirm", character });
  const reject = (/** @type {string} */ character) => say({ kind: "reject", character });
  const ignore = () => say({ kind: "ignore" });

  async function rejectFirst() {
    const first = items[0]?.found.candidates[0];
    if (first) await reject(first.character);
  }

  function putOff() {
    const item = items.shift();
    if (!item) return;
    later.add(keyOf(item.figure));
    before.push({ item });
    draw();
    if (items.length < AHEAD / 2) void refresh();
  }

  /** To what was shown before; a decision about it is taken back. */
  async function back() {
    const last = before.pop();
    if (!last) return;
    const key = keyOf(last.item.figure);
    if (last.decision !== undefined && !(await undo(last.decision))) return;
    later.delete(key);
    done.delete(key);
    items = [last.item, ...items.filter((one) => keyOf(one.figure) !== key)];
    draw();
  }

  card.setAttribute("tabindex", "-1");
  card.setAttribute("data-first", "");
  useKeys([
    ...[1, 2, 3, 4, 5].map((n) => ({
      keys: [String(n)],
      what: n === 1 ? "it is the first, second… candidate" : "",
      act: () =>
        void (
          items[0]?.found.candidates[n - 1] && confirm(items[0].found.candidates[n - 1].character)
        ),
    })),
    {
      keys: ["Enter"],
      what: "it is the first candidate",
      act: () =>
        void (items[0]?.found.candidates[0] && confirm(items[0].found.candidates[0].character)),
    },
    { keys: ["x"], what: "it is not the first candidate", act: () => void rejectFirst() },
    { keys: ["n"], what: "it is somebody else: say the name", act: () => naming.input.focus() },
    { keys: ["i"], what: "ignore it", act: () => void ignore() },
    { keys: ["ArrowRight"], what: "later", act: () => putOff() },
    { keys: ["ArrowLeft"], what: "back, and take back what was said", act: () => void back() },
    {
      keys: ["o"],
      what: "open the picture",
      act: () => items[0] && go(`/pictures/${items[0].figure.picture}`),
    },
  ]);

  await load();
  return { leave: onDecided(() => void refresh()) };
}
