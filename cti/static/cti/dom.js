// Small helpers for the page “Calls”. What people and programs have written is only ever set as text.

export const $ = (id) => document.getElementById(id);

export function make(name, values = {}, ...children) {
  const node = Object.assign(document.createElement(name), values);
  node.append(...children);
  return node;
}

/** Set a text, if it is another one: screen readers hear of changes only. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** One child of `parent` for each item, in order; those that stay keep their focus. */
export function keyed(parent, items, key, create, update) {
  const known = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const node = known.get(name) || create(item);
    known.delete(name);
    node.dataset.key = name;
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const gone of known.values()) gone.remove();
}
