// @ts-check
/** The HTTP API, as docs/how-to/review.md describes it for everybody. */

/**
 * @typedef {{picture: string, box: [number, number, number, number] | null}} Figure
 * @typedef {{figure: Figure, score: number, character?: string | null}} Near
 * @typedef {{character: string, score: number, probability: number | null, nearest: Near[]}} Candidate
 * @typedef {{character: string | null, rejected: string[], ignored: boolean, by_person: boolean}} Verdict
 * @typedef {{box: [number, number, number, number], kind: string, character: string | null,
 *   candidates: Candidate[], said: Verdict}} Found
 * @typedef {{id: number, time: string, source: string, kind: string, words: string, stands: boolean,
 *   undoes: number | null}} Decision
 */

const ROOT = "/api/v1";
let csrf = document.querySelector('meta[name="kyara-csrf"]')?.getAttribute("content") ?? "";

/** What the server said instead of an answer. */
export class Problem extends Error {
  /** @param {number} status @param {{error: string, meant?: string}} body */
  constructor(status, body) {
    super(body.error);
    this.status = status;
    /** The name that was probably meant. */
    this.meant = body.meant;
  }
}

/** @param {string} path @param {Record<string, string | number | (string | number)[]>} [query] a list is sent one by one */
export async function get(path, query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, String(one)]),
  );
  const text = new URLSearchParams(pairs);
  return answered(await sent(`${ROOT}${path}${text.size ? `?${text}` : ""}`, {}));
}

/** A change. After the server was started anew it has another token: that is asked for once.
 * @param {string} path @param {object} body */
export async function post(path, body) {
  let answer = await posted(path, body);
  if (answer.status === 403) {
    csrf = (await get("/session")).csrf;
    answer = await posted(path, body);
  }
  return answered(answer);
}

/** @param {string} path @param {object} body */
function posted(path, body) {
  const headers = { "content-type": "application/json", "x-kyara-csrf": csrf };
  return sent(`${ROOT}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Who is in these files? @param {File[]} files */
export async function identify(files) {
  const form = new FormData();
  for (const file of files) form.append("pictures", file, file.name);
  return answered(await sent(`${ROOT}/identify`, { method: "POST", body: form }));
}

/** @param {string} address @param {RequestInit} options */
async function sent(address, options) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Problem(0, { error: "Kyara does not answer. Is it still running?" });
  }
}

/** @param {Response} answer */
async function answered(answer) {
  const body = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Problem(answer.status, body);
  return body;
}

/** Where a figure can be seen, in a square of that side. @param {Figure} figure @param {256 | 512 | 1600} side */
export function imageOf(figure, side) {
  const box = figure.box ? `&box=${figure.box.join(",")}` : "";
  return `${ROOT}/pictures/${figure.picture}/image?side=${side}${box}`;
}

/** @param {Figure} figure */
export function keyOf(figure) {
  return `${figure.picture} ${figure.box ? figure.box.join(",") : ""}`;
}
