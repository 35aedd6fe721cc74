// @ts-check
/** A field for a name, with those that there are: a combobox as WAI-ARIA describes it. */

import { get } from "./api.js";
import { fill, h } from "./dom.js";

const MOST = 8;
let counter = 0;

/** The names of all characters. @returns {Promise<string[]>} */
export async function allNames() {
  const { characters } = await get("/characters");
  return characters.map((/** @type {any} */ one) => one.name);
}

/**
 * @param {{label: string, submit: string, names: () => Promise<string[]>, onName: (name: string) => void,
 *   onEscape?: () => void}} options
 */
export function nameField({ label, submit, names, onName, onEscape }) {
  const id = `name-${++counter}`;
  /** @type {string[]} */
  let known = [];
  /** @type {string[]} */
  let offered = [];
  let active = -1;
  const list = h("ul", {
    id: `${id}-list`,
    role: "listbox",
    "aria-label": "Characters",
    class: "offers",
    hidden: true,
  });
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      id,
      type: "text",
      role: "combobox",
      autocomplete: "off",
      autocapitalize: "words",
      spellcheck: "false",
      maxlength: "200",
      placeholder: label,
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${id}-list`,
      onfocus: () => void load(),
      oninput: () => offer(),
      onblur: () => close(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => key(event),
    })
  );
  const form = h(
    "form",
    {
      class: "naming",
      onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), choose(input.value)),
    },
    h("div", { class: "field" }, input, list),
    h("button", { class: "primary" }, submit),
  );

  async function load() {
    known = await names().catch(() => []);
  }

  function offer() {
    const wanted = input.value.trim().toLocaleLowerCase();
    const fits = (/** @type {string} */ name) => name.toLocaleLowerCase().includes(wanted);
    offered = wanted ? known.filter(fits).slice(0, MOST) : [];
    active = -1;
    draw();
  }

  function draw() {
    const isOpen = offered.length > 0;
    fill(
      list,
      offered.map((name, n) =>
        h(
          "li",
          {
            id: `${id}-${n}`,
            role: "option",
            "aria-selected": String(n === active),
            onmousedown: (/** @type {Event} */ event) => (event.preventDefault(), choose(name)),
          },
          name,
        ),
      ),
    );
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    if (active >= 0) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    offered = [];
    active = -1;
    draw();
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && offered.length) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      active = (active + step + offered.length) % offered.length;
      draw();
      event.preventDefault();
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(/** @type {string} */ (offered[active]));
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (offered.length) close();
      else {
        input.blur();
        onEscape?.();
      }
    }
  }

  /** @param {string} name */
  function choose(name) {
    const given = name.trim();
    if (!given) return;
    input.value = given;
    close();
    onName(given);
  }

  return { element: form, input };
}
