// What the page knows, put on the screen. Texts of people are only ever set as text.

import { LABELS, clock, day, fate, plain } from "./model.js";
import { said } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;
const DEVICES = { phone: said("phone"), text: said("messages"), video: said("video") };

export const $ = (id) => document.getElementById(id);

export function make(name, values = {}, ...children) {
  const node = Object.assign(document.createElement(name), values);
  node.append(...children);
  return node;
}

export function icon(name, kind = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", kind);
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  svg.firstChild.setAttribute("href", `#${name}`);
  return svg;
}

/** Children of `parent` by key: those that stay keep their place in the page, and the focus. */
function keyed(parent, items, key, create, update) {
  const known = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let before = null;
  for (const item of items) {
    const name = String(key(item));
    let node = known.get(name);
    known.delete(name);
    if (!node) {
      node = create(item);
      node.dataset.key = name;
    }
    update(node, item);
    const place = before ? before.nextSibling : parent.firstChild;
    if (node !== place) parent.insertBefore(node, place);
    before = node;
  }
  for (const gone of known.values()) gone.remove();
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function hue(uri) {
  let sum = 7;
  for (const letter of uri) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return Math.floor(sum / 45);
}

function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 2)).toUpperCase();
}

function face(node, name, uri, state) {
  const key = `${name} ${uri} ${state}`;
  if (node.dataset.shows === key) return;
  node.dataset.shows = key;
  node.className = `face hue-${hue(uri)}`;
  node.replaceChildren(initials(name), ...(state ? [icon(`s-${state}`, "state")] : []));
}

function deviceIcons(node, names) {
  if (node.dataset.shows === names.join()) return;
  node.dataset.shows = names.join();
  node.replaceChildren(
    ...names.map((name) => {
      const shown = make("span", { title: said("Can be reached by {device}", { device: DEVICES[name] }) }, icon(`d-${name}`, "device"));
      shown.setAttribute("role", "img");
      shown.setAttribute("aria-label", DEVICES[name]);
      return shown;
    }),
  );
}

export class View {
  constructor(model, does) {
    this.model = model;
    this.does = does;
    this.peer = "";
    this.folded = new Set();
  }

  all() {
    this.own();
    this.list();
    this.head();
    this.talk();
  }

  own() {
    const { me } = this.model;
    const name = me.name || plain(me.aor).split("@")[0];
    write($("my-name"), name);
    write($("my-address"), plain(me.aor));
    face($("my-face"), name, me.aor, "");
    $("status").value = me.status;
    document.querySelector(".chosen use").setAttribute("href", `#s-${me.status}`);
    if (document.activeElement !== $("note")) $("note").value = me.note;
  }

  list() {
    const focused = document.activeElement?.closest?.(".buddy");
    keyed(
      $("groups"),
      this.model.listed(),
      (group) => group.id,
      (group) => this.newGroup(group),
      (node, group) => this.group(node, group),
    );
    if (!this.model.listed().some((group) => group.uris.length)) {
      $("groups").append(make("p", { className: "empty", textContent: said("No buddies yet. Find people above.") }));
    }
    const rows = this.rows();
    const current = rows.find((row) => row === focused) || rows.find((row) => row.dataset.uri === this.peer) || rows[0];
    for (const row of rows) row.tabIndex = row === current ? 0 : -1;
  }

  rows() {
    return [...$("groups").querySelectorAll(".buddy")].filter((row) => row.offsetParent !== null);
  }

  newGroup(group) {
    const heading = make("button", { type: "button", className: "fold" });
    heading.append(icon("i-fold"), make("span", { className: "title" }), make("span", { className: "count" }));
    heading.onclick = () => {
      const folded = this.folded.has(group.id);
      this.folded[folded ? "delete" : "add"](group.id);
      this.list();
    };
    return make("section", { className: "group" }, make("h2", {}, heading), make("ul"));
  }

  group(node, group) {
    const open = !this.folded.has(group.id);
    const heading = node.querySelector(".fold");
    heading.setAttribute("aria-expanded", open);
    write(node.querySelector(".title"), group.name);
    write(node.querySelector(".count"), said("{there} of {all}", { there: group.there, all: group.uris.length }));
    node.lastChild.hidden = !open;
    keyed(
      node.lastChild,
      group.shown,
      (uri) => uri,
      (uri) => this.newRow(uri),
      (row, uri) => this.row(row.firstChild, uri),
    );
  }

  newRow(uri) {
    const button = make("button", { type: "button", className: "buddy" });
    button.dataset.uri = uri;
    button.append(
      make("span", { className: "face" }),
      make(
        "span",
        { className: "who" },
        make("span", { className: "name" }),
        make("span", { className: "words" }),
        make("span", { className: "said" }),
      ),
      make(
        "span",
        { className: "more" },
        make("span", { className: "since" }),
        make("span", { className: "devices" }),
        make("span", { className: "badge" }),
      ),
    );
    button.querySelector(".face").setAttribute("aria-hidden", "true");
    button.onclick = () => this.does.open(uri);
    return make("li", {}, button);
  }

  row(button, uri) {
    const { model } = this;
    const [faceNode, who, more] = button.children;
    const [since, devices, badge] = more.children;
    const unread = model.unread(uri);
    const last = (model.talks.get(uri) || []).at(-1);
    face(faceNode, model.name(uri), uri, model.state(uri));
    write(who.children[0], model.name(uri));
    write(who.children[1], model.words(uri));
    write(since, model.since(uri));
    write(who.children[2], model.note(uri) || (unread && last ? last.text : ""));
    who.children[2].classList.toggle("note", Boolean(model.note(uri)));
    deviceIcons(devices, model.devices(uri));
    badge.hidden = !unread;
    write(badge, unread ? String(unread) : "");
    badge.setAttribute("aria-label", said("{number} unread", { number: unread }));
    button.classList.toggle("idle", model.idle(uri));
    button.classList.toggle("away", model.away(uri));
    button.dataset.state = model.state(uri);
    if (uri === this.peer) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }

  head() {
    const { model, peer } = this;
    $("open").hidden = !peer;
    $("nobody").hidden = Boolean(peer);
    document.body.dataset.pane = peer ? "talk" : "list";
    if (!peer) return;
    face($("peer-face"), model.name(peer), peer, model.state(peer));
    write($("peer-name"), model.name(peer));
    const parts = [model.words(peer), model.since(peer), model.note(peer) && `“${model.note(peer)}”`];
    write($("peer-state"), parts.filter(Boolean).join(" · "));
    $("peer-name").title = plain(peer);
    deviceIcons($("peer-devices"), model.devices(peer));
    $("add").hidden = model.isBuddy(peer);
    $("remove").hidden = !model.isBuddy(peer);
    write($("typing"), model.typing.has(peer) ? said("{name} is typing…", { name: model.name(peer) }) : "");
  }

  talk() {
    const log = $("log");
    if (log.dataset.peer !== this.peer) log.replaceChildren();
    const fresh = log.dataset.peer !== this.peer;
    const atEnd = fresh || log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    log.dataset.peer = this.peer;
    if (!this.peer) return;
    const lines = [];
    let last = "";
    for (const line of this.model.lines(this.peer)) {
      if (day(line.at) !== last) lines.push({ id: `day ${(last = day(line.at))}`, day: last });
      lines.push(line);
    }
    keyed(log, lines, (line) => line.id, (line) => this.newLine(line), (node, line) => this.line(node, line));
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  newLine(line) {
    if (line.day) return make("li", { className: "day", textContent: line.day });
    const text = make("p", { className: "text" }, ...linked(line.text));
    const node = make("li", { className: line.outgoing ? "mine" : "theirs" });
    const who = line.outgoing ? said("You") : this.model.name(this.peer);
    node.append(make("span", { className: "unseen", textContent: `${who}: ` }), text, make("p", { className: "foot" }));
    return node;
  }

  line(node, line) {
    if (line.day) return;
    const foot = node.lastChild;
    const failed = line.outgoing && (line.failed || line.status >= 300);
    node.classList.toggle("failed", Boolean(failed));
    node.classList.toggle("waiting", line.outgoing && !line.status && !line.failed);
    const words = line.outgoing ? `${clock(line.at)} · ${fate(line)}` : clock(line.at);
    if (foot.dataset.shows === words) return;
    foot.dataset.shows = words;
    foot.replaceChildren(words);
    if (line.failed) {
      foot.append(make("button", { type: "button", textContent: said("Try again"), onclick: () => this.does.again(line.ref) }));
    }
  }

  found(people, words) {
    const section = $("found");
    section.hidden = people === null;
    if (people === null) return section.replaceChildren();
    const rows = people.map(({ uri, name }) => {
      const who = make("button", { type: "button", className: "person", onclick: () => this.does.open(uri) });
      who.append(
        make("span", { className: "name", textContent: name || plain(uri).split("@")[0] }),
        make("span", { className: "words", textContent: plain(uri) }),
      );
      const row = make("li", {}, who);
      if (!this.model.isBuddy(uri) && uri !== this.model.me.aor) {
        const add = make("button", { type: "button", className: "plain", onclick: () => this.does.add(uri) });
        add.append(icon("i-add"));
        add.title = said("Add {name} to your buddies", { name: name || plain(uri) });
        add.setAttribute("aria-label", add.title);
        row.append(add);
      }
      return row;
    });
    const title = typeof words === "string" ? words : rows.length ? said("People") : said("Nobody found");
    section.replaceChildren(make("h2", { textContent: title }), make("ul", {}, ...rows));
  }

  texts() {
    const rows = this.model.texts.map(({ id, text, own }) => {
      const row = make("li", {}, make("button", { type: "button", textContent: text, className: "ready" }));
      row.firstChild.onclick = () => this.does.insert(text);
      if (own) {
        const remove = make("button", { type: "button", className: "plain", onclick: () => this.does.removeText(id) });
        remove.append(icon("i-close"));
        remove.title = said("Remove “{text}”", { text });
        remove.setAttribute("aria-label", remove.title);
        row.append(remove);
      }
      return row;
    });
    $("text-list").replaceChildren(...rows);
  }

  options() {
    const form = $("options").querySelector("form");
    for (const name of ["sound", "notify", "offline"]) form.elements[name].checked = this.model.options[name];
    form.elements.theme.value = this.model.options.theme;
    document.documentElement.dataset.theme = this.model.options.theme;
  }

  /** Said to those who do not see the page. */
  say(text) {
    $("said").replaceChildren(make("p", { textContent: text }));
  }

  bar(text) {
    write($("bar"), text);
    $("bar").hidden = !text;
  }

  changed(buddy, before) {
    if (before && before.state !== buddy.state) this.say(`${this.model.name(buddy.uri)}: ${LABELS[buddy.state]}`);
  }
}

function linked(text) {
  const parts = [];
  let end = 0;
  for (const { 0: url, index } of text.matchAll(LINK)) {
    parts.push(text.slice(end, index), make("a", { href: url, textContent: url, target: "_blank", rel: "noreferrer" }));
    end = index + url.length;
  }
  return [...parts, text.slice(end)];
}
