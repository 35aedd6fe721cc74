// @ts-check
/** A picture with a frame around each figure, and drawing a new one: with the pointer, or with keys. */

import { fill, h, svg } from "./dom.js";
import { gone } from "./grid.js";

/**
 * @typedef {[number, number, number, number]} Edges
 * @typedef {{box: Edges, label: string, state: "known" | "perhaps" | "unknown" | "ignored"}} Frame
 */

/**
 * @param {{src: string, alt: string, width: number, height: number, onPick?: (n: number) => void}} options
 */
export function framedPicture({ src, alt, width, height, onPick }) {
  const overlay = svg("svg", {
    class: "frames",
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": "Figures",
  });
  const element = h(
    "div",
    {
      class: "framed",
      style: { "aspect-ratio": `${width} / ${height}`, "--shape": width / height },
    },
    h("img", { src, alt, onerror: gone }),
    overlay,
  );
  const unit = Math.max(width, height) / 100;

  /** @param {Frame[]} frames @param {number} picked */
  function show(frames, picked) {
    fill(
      overlay,
      frames.map((frame, n) => drawn(frame, n, n === picked)),
    );
  }

  /** @param {Frame} frame @param {number} n @param {boolean} isPicked */
  function drawn(frame, n, isPicked) {
    const [left, top, right, bottom] = frame.box;
    const pick = () => onPick?.(n);
    return svg(
      "g",
      {
        class: `frame ${frame.state}${isPicked ? " picked" : ""}`,
        role: "button",
        tabindex: "0",
        "aria-pressed": String(isPicked),
        "aria-label": `Figure ${n + 1}: ${frame.label}`,
        onclick: pick,
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          event.stopPropagation();
          pick();
        },
      },
      svg("rect", {
        class: "halo",
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
        rx: unit,
      }),
      svg("rect", {
        class: "line",
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
        rx: unit,
      }),
    );
  }

  return { element, overlay, show };
}

/**
 * Let a box be drawn over a picture. Arrows move it, with Shift they change its size.
 * @param {SVGElement} overlay
 * @param {{width: number, height: number, onDrawn: (box: Edges) => void, onEnd: () => void}} options
 */
export function drawBox(overlay, { width, height, onDrawn, onEnd }) {
  const step = Math.max(width, height) / 100;
  /** @type {Edges} */
  let box = [width * 0.35, height * 0.25, width * 0.65, height * 0.55];
  /** @type {[number, number] | null} */
  let from = null;
  const rect = svg("rect", {
    class: "drawing",
    tabindex: "0",
    role: "application",
    "aria-label": "New box: arrows move it, with Shift they change its size, Enter takes it",
  });
  overlay.append(rect);
  overlay.classList.add("draws");
  place();
  /** @type {any} */ (rect).focus();

  function place() {
    const [left, top, right, bottom] = box;
    for (const [name, value] of Object.entries({
      x: left,
      y: top,
      width: right - left,
      height: bottom - top,
    }))
      rect.setAttribute(name, String(value));
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  function at(event) {
    const area = overlay.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * width;
    const y = ((event.clientY - area.top) / area.height) * height;
    return [Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y))];
  }

  /** @param {PointerEvent} event */
  function down(event) {
    event.preventDefault();
    from = at(event);
    overlay.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  function moved(event) {
    if (!from) return;
    const to = at(event);
    box = [
      Math.min(from[0], to[0]),
      Math.min(from[1], to[1]),
      Math.max(from[0], to[0]),
      Math.max(from[1], to[1]),
    ];
    place();
  }

  function up() {
    if (!from) return;
    from = null;
    if (box[2] - box[0] > step && box[3] - box[1] > step) take();
  }

  function take() {
    end();
    onDrawn(/** @type {Edges} */ (box.map((edge) => Math.round(edge))));
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const moves = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const by = moves[/** @type {keyof typeof moves} */ (event.key)];
    if (by) shift(/** @type {number} */ (by[0]), /** @type {number} */ (by[1]), event.shiftKey);
    else if (event.key === "Enter") take();
    else if (event.key === "Escape") {
      end();
      onEnd();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} x @param {number} y @param {boolean} isResize */
  function shift(x, y, isResize) {
    const [left, top, right, bottom] = box;
    const next = isResize
      ? [left, top, right + x, bottom + y]
      : [left + x, top + y, right + x, bottom + y];
    const [a, b, c, d] = /** @type {Edges} */ (next);
    if (a < 0 || b < 0 || c > width || d > height || c - a < step || d - b < step) return;
    box = [a, b, c, d];
    place();
  }

  function end() {
    overlay.classList.remove("draws");
    for (const [name, listener] of Object.entries(listeners))
      overlay.removeEventListener(name, /** @type {any} */ (listener));
    rect.remove();
  }

  const listeners = { pointerdown: down, pointermove: moved, pointerup: up, keydown: key };
  for (const [name, listener] of Object.entries(listeners))
    overlay.addEventListener(name, /** @type {any} */ (listener));
  return end;
}
