// @ts-check
/** A grid of figures: loaded page by page as it is scrolled, with a selection of several, by mouse,
 * touch and keyboard (a listbox as WAI-ARIA describes it). */

import { imageOf, keyOf } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { complain } from "./notices.js";

const PAGE = 100;

/**
 * @typedef {import("./api.js").Figure} Figure
 * @typedef {{figure: Figure, label: string, badge?: string}} Item
 * @typedef {{label: string, load: (offset: number, limit: number) => Promise<{total: number, items: Item[]}>,
 *   onSelect?: (items: Item[]) => void, onOpen?: (item: Item) => void, selects?: boolean}} Options
 */

/** @param {Options} options */
export function figureGrid({ label, load, onSelect, onOpen, selects = true }) {
  /** @type {{item: Item, tile: HTMLElement}[]} */
  let tiles = [];
  /** @type {Set<HTMLElement>} */
  const chosen = new Set();
  let current = 0;
  let anchor = 0;
  let total = Infinity;
  let isLoading = false;
  let epoch = 0;

  const grid = h("ul", {
    class: "grid",
    role: "listbox",
    "aria-label": label,
    "aria-multiselectable": String(selects),
    onkeydown: (/** @type {KeyboardEvent} */ event) => key(event),
    onclick: (/** @type {MouseEvent} */ event) => click(event),
    ondblclick: (/** @type {MouseEvent} */ event) => open(indexAt(event.target)),
  });
  const end = h("div", { class: "more", "aria-hidden": "true" });
  const element = h("div", null, grid, end);
  const watcher = new IntersectionObserver(
    (seen) => seen.some((one) => one.isIntersecting) && void more(),
    { rootMargin: "800px" },
  );
  watcher.observe(end);

  async function more() {
    if (isLoading || tiles.length >= total) return;
    isLoading = true;
    const own = epoch;
    try {
      const page = await load(tiles.length, PAGE);
      if (own !== epoch) return;
      total = page.items.length ? page.total : tiles.length;
      for (const item of page.items) add(item);
      grid.hidden = tiles.length === 0;
    } catch (problem) {
      total = tiles.length;
      complain(problem);
    } finally {
      if (own === epoch) isLoading = false;
    }
    if (
      own === epoch &&
      tiles.length < total &&
      end.getBoundingClientRect().top < innerHeight + 800
    )
      void more();
  }

  /** @param {Item} item */
  function add(item) {
    const tile = h(
      "li",
      {
        class: "tile",
        role: "option",
        "aria-selected": "false",
        "aria-label": item.label,
        title: item.label,
        tabindex: tiles.length === current ? "0" : "-1",
      },
      h("img", {
        src: imageOf(item.figure, 256),
        alt: "",
        loading: "lazy",
        decoding: "async",
        draggable: "false",
        onerror: gone,
      }),
      item.badge && h("span", { class: "badge" }, item.badge),
      h("span", { class: "tick" }, icon("check")),
    );
    tiles.push({ item, tile });
    grid.append(tile);
  }

  /** @param {EventTarget | null} target */
  function indexAt(target) {
    const tile = target instanceof Element ? target.closest(".tile") : null;
    return tiles.findIndex((one) => one.tile === tile);
  }

  /** @param {MouseEvent} event */
  function click(event) {
    const n = indexAt(event.target);
    if (n < 0) return;
    move(n);
    if (!selects) open(n);
    else if (event.shiftKey) range(n);
    else toggle(n);
  }

  /** @param {number} n */
  function open(n) {
    const found = tiles[n];
    if (found) onOpen?.(found.item);
  }

  /** @param {number} n */
  function toggle(n) {
    const found = tiles[n];
    if (!found) return;
    anchor = n;
    mark(found.tile, !chosen.has(found.tile));
    onSelect?.(selection());
  }

  /** @param {number} n */
  function range(n) {
    for (let k = Math.min(anchor, n); k <= Math.max(anchor, n); k++)
      mark(/** @type {any} */ (tiles[k]).tile, true);
    onSelect?.(selection());
  }

  /** @param {HTMLElement} tile @param {boolean} isChosen */
  function mark(tile, isChosen) {
    if (isChosen) chosen.add(tile);
    else chosen.delete(tile);
    tile.setAttribute("aria-selected", String(isChosen));
  }

  /** @param {number} n */
  function move(n) {
    const next = tiles[Math.max(0, Math.min(n, tiles.length - 1))];
    if (!next) return;
    tiles[current]?.tile.setAttribute("tabindex", "-1");
    current = tiles.indexOf(next);
    next.tile.setAttribute("tabindex", "0");
    next.tile.focus();
  }

  function columns() {
    return Math.max(1, getComputedStyle(grid).gridTemplateColumns.split(" ").length);
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns(),
      ArrowUp: -columns(),
      Home: -current,
      End: tiles.length - 1 - current,
    };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step !== undefined) {
      move(current + step);
      if (event.shiftKey && selects) range(current);
    } else if (event.key === " " && selects) toggle(current);
    else if (event.key === "Enter") open(current);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey) && selects) all();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function all() {
    for (const { tile } of tiles) mark(tile, true);
    onSelect?.(selection());
  }

  function selection() {
    return tiles.filter((one) => chosen.has(one.tile)).map((one) => one.item);
  }

  function clear() {
    for (const tile of [...chosen]) mark(tile, false);
    onSelect?.([]);
  }

  /** Begin anew: something was decided. */
  async function reload() {
    epoch++;
    const hadFocus = grid.contains(document.activeElement);
    tiles = [];
    chosen.clear();
    total = Infinity;
    isLoading = false;
    current = 0;
    fill(grid);
    onSelect?.([]);
    await more();
    if (hadFocus) move(0);
  }

  return {
    element,
    more,
    reload,
    clear,
    selection,
    items: () => tiles.map((one) => one.item),
    others: () => tiles.filter((one) => !chosen.has(one.tile)).map((one) => one.item),
    current: () => tiles[current]?.item,
    total: () => total,
    leave: () => watcher.disconnect(),
  };
}

/** A picture that cannot be shown: its file is gone. @param {Event} event */
export function gone(event) {
  const image = /** @type {HTMLElement} */ (event.target);
  image.replaceWith(h("span", { class: "gone" }, "not there"));
}

/** Some figures in a row. @param {Figure[]} figures @param {256 | 512} [side] */
export function strip(figures, side = 256) {
  return figures.map((figure) =>
    h("img", {
      src: imageOf(figure, side),
      alt: "",
      loading: "lazy",
      decoding: "async",
      "data-key": keyOf(figure),
      onerror: gone,
    }),
  );
}
