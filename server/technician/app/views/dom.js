/** Nodes from data, and a page made to look like another one without losing what is typed. */

/** The event that tells of a handler that failed; `detail` is the error. */
export const FAILED = 'retour-failed';

/**
 * What an element may contain; null, undefined, false and '' are nothing.
 * @typedef {Node | string | number | false | null | undefined} Leaf
 * @typedef {Leaf | Leaf[]} Child
 *
 * @typedef {keyof typeof ICONS} IconName
 *
 * @typedef {Event & {target: HTMLInputElement}} FieldEvent of a field, which is its target
 */

const HANDLERS = ['onclick', 'oninput', 'onchange', 'onsubmit', 'onblur'];
const SVG = 'http://www.w3.org/2000/svg';

/** Drawn on 16 by 16. */
const ICONS = {
  check: 'M6.2 11.6 2.8 8.2l1.1-1.1 2.3 2.3 5.9-5.9 1.1 1.1z',
  clock:
    'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3m-.7 1.8v3.6l2.9 1.7.7-1.2-2.1-1.3V4.8z',
  mail: 'M1.5 3h13v10h-13zM3 5.2v6.3h10V5.2L8 9zM3.9 4.5 8 7.3l4.1-2.8z',
  none: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 3c1.1 0 2.2.4 3 1L4 11a5 5 0 0 1 4-8m4 2.1A5 5 0 0 1 5 12z',
  alert:
    'M8 1.5 15.2 14H.8zM8 4.5 3.4 12.5h9.2zM7.3 6.8h1.4v3H7.3zm0 3.6h1.4v1.3H7.3z',
  back: 'M9.6 2.6 4.2 8l5.4 5.4 1.2-1.2L6.6 8l4.2-4.2z',
  phone:
    'M4.6 1.6 6.7 5 5.4 6.5c.8 1.7 2.4 3.3 4.1 4.1L11 9.3l3.4 2.1-.6 2.4c-.2.5-.6.8-1.1.7C6.5 14 2 9.5 1.5 3.3c0-.5.2-.9.7-1.1z',
  place:
    'M8 1.2a4.9 4.9 0 0 0-4.9 4.9C3.1 9.6 8 14.8 8 14.8s4.9-5.2 4.9-8.7A4.9 4.9 0 0 0 8 1.2m0 3a1.9 1.9 0 1 1 0 3.8 1.9 1.9 0 0 1 0-3.8',
  people:
    'M5.5 3a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5m5.3.8a2 2 0 1 1 0 4 2 2 0 0 1 0-4M1 13c0-2.5 2-4 4.5-4S10 10.5 10 13zm10.2 0c0-1.6-.5-2.9-1.4-3.9 2.9-.5 5.2 1 5.2 3.900z',
  list: 'M2 3.200h2v2H2zm4 .3h8v1.400H6zM2 7h2v2H2zm4 .3h8v1.400H6zM2 10.800h2v2H2zm4 .3h8v1.400H6z',
  send: 'M8 1.8 12.5 6.300l-1.1 1.1-2.6-2.600V11H7.200V4.800L4.6 7.4 3.5 6.300zM2.5 12.600h11v1.500h-11z',
  person: 'M8 1.800a3.1 3.1 0 1 1 0 6.2 3.1 3.1 0 0 1 0-6.200M2.2 14.200c0-3.2 2.5-5 5.8-5s5.8 1.8 5.8 5z',
  cloud: 'M4.5 12.500a3 3 0 0 1-.3-6A4 4 0 0 1 12 7.200a2.7 2.7 0 0 1-.3 5.300z',
  off: 'm2.4 1.4 12.2 12.2-1 1-2.1-2.100h-7a3 3 0 0 1-.7-5.900L1.4 2.400zm4 1.900A4 4 0 0 1 12 7.200a2.7 2.7 0 0 1 1.6 4.200z',
};

/**
 * An element. `on...` are handlers, `key` tells it from its siblings, the rest attributes.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const node = /** @type {any} */ (document.createElement(tag));
  for (const [name, value] of Object.entries(props)) {
    if (name === 'key') node[name] = value;
    else if (name.startsWith('on')) node[name] = value && telling(value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.flat().filter((child) => child || child === 0));
  return node;
}

/**
 * The handler, whose failure somebody hears of.
 * @param {(event: Event) => unknown} handle
 */
function telling(handle) {
  /** @param {Event} event */
  return async (event) => {
    try {
      await handle(event);
    } catch (error) {
      console.error(error);
      dispatchEvent(new CustomEvent(FAILED, { detail: error }));
    }
  };
}

/** A mark that a word stands beside. @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  const told = { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' };
  for (const [key, value] of Object.entries(told)) svg.setAttribute(key, value);
  path.setAttribute('fill-rule', 'evenodd');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * Give `old` the children of `wanted`. Elements of the same kind and key stay, and with them the
 * focus, what is typed and what is unfolded.
 * @param {Element} old
 * @param {Element | DocumentFragment} wanted
 */
export function patch(old, wanted) {
  let place = old.firstChild;
  for (const next of [...wanted.childNodes]) {
    const same = counterpart(place, next);
    if (!same) {
      old.insertBefore(next, place);
      continue;
    }
    while (place && place !== same) place = dropped(place);
    place = same.nextSibling;
    update(same, next);
  }
  while (place) place = dropped(place);
}

/**
 * A node with what `h` adds to it.
 * @typedef {ChildNode & {key?: string}} Keyed
 */

/**
 * The first of the old nodes from `place` on that `next` may stay in.
 * @param {Keyed | null} place
 * @param {Keyed} next
 */
function counterpart(place, next) {
  const plain = next.key === undefined;
  for (let one = place; one; one = plain ? null : /** @type {Keyed | null} */ (one.nextSibling)) {
    if (one.nodeName === next.nodeName && one.key === next.key) return one;
  }
  return null;
}

/** @param {ChildNode} node */
function dropped(node) {
  const after = node.nextSibling;
  node.remove();
  return after;
}

/**
 * @param {any} old of the same kind as `next`
 * @param {any} next
 */
function update(old, next) {
  if (next.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const name of HANDLERS) old[name] = next[name];
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === 'open')) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  patch(old, next);
}
