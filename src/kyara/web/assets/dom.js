// @ts-check
/** Making elements, and nothing else. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Leaf
 * @typedef {Leaf | Leaf[] | Leaf[][]} Child
 * @typedef {Record<string, any>} Props
 */

/**
 * An element. `onclick` and the like are listeners, `style` sets properties one by one (the policy
 * of the page allows no style attribute), everything else is an attribute; false leaves it out.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  return /** @type {HTMLElement} */ (filled(document.createElement(tag), props, children));
}

/**
 * The same for SVG.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...Child} children
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
  element.append(
    ...children
      .flat(3)
      .filter(isShown)
      .map((child) => asNode(child)),
  );
  return element;
}

/** @param {Leaf} child */
function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {Node | string | number} child */
function asNode(child) {
  return child instanceof Node ? child : String(child);
}

/** @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children
      .flat(3)
      .filter(isShown)
      .map((child) => asNode(/** @type {any} */ (child))),
  );
}

const ICONS = {
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  check: "m5 12.5 4.5 4.5L19 7.5",
};

/** @param {keyof typeof ICONS} name @returns {SVGElement} */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }),
  );
}

/** @param {string} key */
export function keycapFor(key) {
  return h("kbd", { "aria-hidden": "true" }, key);
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
