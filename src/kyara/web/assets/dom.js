// @ts-check
/** Making elements, and nothing else. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, any>} Props
 */

/**
 * An element. `onclick` and the like are listeners, `style` sets properties one by one (the policy
 * of the page allows no style attribute), everything else is an attribute; false leaves it out.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  return /** @type {HTMLElement} */ (filled(document.createElement(tag), props, children));
}

/**
 * The same for SVG.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, props, ...children) {
  return /** @type {SVGElement} */ (filled(document.createElementNS(SVG, tag), props, children));
}

/** @param {HTMLElement | SVGElement} element @param {Props | null | undefined} props @param {any[]} children */
function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") {
      for (const [key, own] of Object.entries(value)) element.style.setProperty(key, String(own));
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter(isShown).map((child) => asNode(child)));
  return element;
}

/** @param {Child} child */
function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {Node | string | number} child */
function asNode(child) {
  return child instanceof Node ? child : String(child);
}

/** @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(3).filter(isShown).map((child) => asNode(/** @type {any} */ (child))));
}

const ICONS = {
  groups: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  doubts: "M9 9a3 3 0 1 1 4.6 2.5c-1 .7-1.6 1.3-1.6 2.5M12 17.5v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  characters: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c.6-4 3.700-5.500 7.500-5.500s6.900 1.500 7.500 5.500",
  ask: "M12 15V4M8 8l4-4 4 4M4 15v5h16v-5",
  history: "M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500M12 8v4.500l3 2",
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  help: "M5 7h14v10H5zM8 10h.5M12 10h.5M16 10h.5M8 14h8",
  check: "m5 12.500 4.500 4.500L19 7.500",
  close: "M6 6l12 12M18 6 6 18",
};

/** @param {keyof typeof ICONS} name @returns {SVGElement} */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, svg("path", { d: ICONS[name] }));
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** @param {number | null | undefined} probability */
export function percent(probability) {
  if (probability === null || probability === undefined) return "";
  const whole = Math.round(100 * probability);
  return whole >= 100 ? "> 99 %" : whole <= 0 ? "< 1 %" : `${whole} %`;
}
