// The messenger's page: events to the model, the model to the screen, and what the user does to the server.

import { chime, mayNotify, notify, title } from "./alerts.js";
import { Connection, Lost } from "./connection.js";
import { Model } from "./model.js";
import { $, View } from "./view.js";
import { said } from "./words.js";

const IDLE = 5 * 60 * 1000; // ms without input, in any tab, until the user counts as idle
const IDLE_LOOK = 5000; // ms between two looks
const TYPING_SAID = 8000; // ms between two notices that a message is being written
const TYPING_SHOWN = 12000; // ms for which one is shown
const SEARCH_PAUSE = 200; // ms after the last letter

const model = new Model();
const view = new View(model, { open, again, add, insert, removeText });
const connection = new Connection("/ws/messenger/", { heard, changed });
const bytes = new TextEncoder();
const drafts = new Map(); // uri: what was typed and not sent

// What comes

function changed(connected) {
  if (!connected) view.bar(said("Connection lost. Trying again…"));
}

const EVENTS = {
  state(state) {
    const fresh = model.take(state);
    if (fresh.length) connection.say("shown", { messages: fresh });
    view.bar("");
    view.options();
    view.texts();
    view.all();
    seen();
    idleSaid = null;
    sayIdle();
    takeAlong();
    if ($("find").value) search();
    for (const one of model.outbox) if (!one.failed) push(one);
  },
  waiting() {
    view.bar(said("The server does not answer. Waiting for it…"));
  },
  ended({ why }) {
    location.assign(`/messenger/?ended=${encodeURIComponent(why)}`);
  },
  presence({ buddy }) {
    const before = model.buddies.get(buddy.uri);
    model.buddies.set(buddy.uri, buddy);
    view.list();
    if (buddy.uri === view.peer) view.head();
    view.changed(buddy, before);
  },
  status({ status, note }) {
    Object.assign(model.me, { status, note });
    view.own();
  },
  message({ message }) {
    const fresh = model.add(message);
    view.list();
    view.head();
    if (message.peer === view.peer) view.talk();
    if (message.outgoing) return;
    connection.say("shown", { messages: [message.id] });
    if (fresh) attention(message);
    seen();
  },
  typing({ peer, active }) {
    if (active) model.typing.set(peer, Date.now() + TYPING_SHOWN);
    else model.typing.delete(peer);
    setTimeout(() => {
      if (model.typing.get(peer) <= Date.now()) model.typing.delete(peer);
      view.head();
    }, TYPING_SHOWN + 10);
    view.head();
  },
  read({ peer }) {
    model.read(peer);
    view.list();
    title(model.unreadOfAll);
  },
  lists({ groups }) {
    model.groups = groups;
    for (const uri of [...model.buddies.keys()]) if (!model.isBuddy(uri)) model.buddies.delete(uri);
    view.list();
    view.head();
    if (!$("found").hidden) search();
  },
  texts({ texts }) {
    model.texts = texts;
    view.texts();
  },
  options({ options }) {
    model.options = options;
    keep();
    view.options();
    view.list();
  },
};

function heard(event) {
  EVENTS[event.type]?.(event);
}

/** A message that the user may not see: say so, as the user wants it. */
function attention(message) {
  const name = model.name(message.peer);
  if (message.peer !== view.peer) view.say(said("{name} writes: {text}", { name, text: message.text }));
  if (message.peer === view.peer && document.hasFocus()) return;
  if (stored("messenger.rung") === message.id) return; // another tab was faster
  store("messenger.rung", message.id);
  if (model.options.sound) chime();
  if (model.options.notify && !document.hasFocus()) notify(name, message, open);
}

/** The open conversation is read while its page is looked at. */
function seen() {
  if (view.peer && !document.hidden && model.unread(view.peer)) {
    connection.say("read", { peer: view.peer });
    model.read(view.peer);
    view.list();
  }
  title(model.unreadOfAll);
}

document.addEventListener("visibilitychange", seen);

// Conversations

function open(uri) {
  if (view.peer) drafts.set(view.peer, $("text").value);
  view.peer = uri;
  $("text").value = drafts.get(uri) || "";
  fit();
  view.head();
  view.list();
  view.talk();
  seen();
  if (uri) $("text").focus();
}

function back() {
  const uri = view.peer;
  open("");
  view.rows().find((row) => row.dataset.uri === uri)?.focus();
}

$("back").onclick = back;

const lines = new Map(); // uri: the sending that is under way, since order counts

function send(to, text) {
  const one = { ref: `m${crypto.getRandomValues(new Uint32Array(3)).join("-")}`, to, text, at: new Date().toISOString() };
  model.outbox.push(one);
  push(one);
}

function push(one) {
  one.failed = "";
  const before = lines.get(one.to) || Promise.resolve();
  lines.set(one.to, before.then(() => deliver(one)));
  view.list();
  view.talk();
}

async function deliver(one) {
  if (!model.outbox.includes(one) || one.failed) return;
  try {
    model.add(await connection.ask("send", { to: one.to, text: one.text }, one.ref));
    model.outbox = model.outbox.filter((other) => other !== one);
  } catch (error) {
    if (error instanceof Lost) return; // asked again, by the same name, when the connection is back
    one.failed = error.message;
  }
  view.talk();
}

function again(ref) {
  const one = model.outbox.find((other) => other.ref === ref);
  if (one) push(one);
}

$("composer").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  const size = bytes.encode(text).length;
  $("too-long").textContent = size > model.limits.message ? said("Too long by {number} bytes.", { number: size - model.limits.message }) : "";
  if (!text || !view.peer || size > model.limits.message) return;
  $("text").value = "";
  drafts.delete(view.peer);
  typingSaid = 0;
  fit();
  send(view.peer, text);
  $("log").scrollTop = $("log").scrollHeight;
};

$("text").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
};

let typingSaid = 0;

$("text").oninput = () => {
  fit();
  if ($("text").value && Date.now() - typingSaid > TYPING_SAID) {
    typingSaid = Date.now();
    connection.say("typing", { to: view.peer });
  }
};

function fit() {
  const text = $("text");
  text.rows = Math.min(6, Math.max(1, text.value.split("\n").length));
}

// The user's own state

function sayStatus() {
  const chosen = { status: $("status").value, note: $("note").value.trim() };
  connection.ask("status", chosen).catch((error) => {
    view.say(error.message);
    view.own();
  });
}

$("status").onchange = sayStatus;
$("note").onchange = sayStatus;
$("own").onsubmit = (event) => {
  event.preventDefault();
  $("note").blur();
};

let idleSaid = null;

function sayIdle() {
  const idle = Date.now() - Number(stored("messenger.input") || 0) > IDLE;
  if (idle === idleSaid || !model.ready) return;
  if (idle || idleSaid !== null) connection.say("idle", { idle });
  idleSaid = idle;
}

let inputAt = 0;

function input() {
  if (Date.now() - inputAt < 1000) return;
  inputAt = Date.now();
  store("messenger.input", String(inputAt));
  sayIdle();
}

for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"]) addEventListener(kind, input, { passive: true });
setInterval(sayIdle, IDLE_LOOK);
input();

// Buddies

let searching;

$("find").oninput = () => {
  clearTimeout(searching);
  searching = setTimeout(search, SEARCH_PAUSE);
};

async function search() {
  const words = $("find").value.trim();
  if (words.length < 2) return view.found(null);
  try {
    const people = await connection.ask("search", { words });
    if ($("find").value.trim() !== words) return;
    for (const { uri, name } of people) if (name) model.found.set(uri, name);
    view.found(people);
    view.say(said("{number} found", { number: people.length }));
  } catch (error) {
    view.found([], error.message);
  }
}

function forget() {
  $("find").value = "";
  view.found(null);
}

async function add(uri) {
  try {
    await connection.ask("add", { uri });
    view.say(said("{name} was added", { name: model.name(uri) }));
  } catch (error) {
    view.found([], error.message);
  }
}

$("add").onclick = () => add(view.peer);
$("remove").onclick = async () => {
  if (!confirm(said("Remove {name} from your buddies?", { name: model.name(view.peer) }))) return;
  await connection.ask("remove", { uri: view.peer }).catch((error) => view.say(error.message));
};

// Ready-made messages

$("open-texts").onclick = () => $("texts").showModal();

function insert(text) {
  const field = $("text");
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  $("texts").close();
  field.focus();
}

function removeText(id) {
  connection.ask("remove_text", { id }).catch((error) => ($("texts-said").textContent = error.message));
}

$("new-text").onsubmit = async (event) => {
  event.preventDefault();
  $("texts-said").textContent = "";
  try {
    await connection.ask("add_text", { text: $("own-text").value });
    $("own-text").value = "";
  } catch (error) {
    $("texts-said").textContent = error.message;
  }
};

// Options

$("open-options").onclick = () => $("options").showModal();

$("options").onchange = async ({ target }) => {
  $("options-said").textContent = "";
  if (target.name === "notify" && target.checked && !(await mayNotify())) {
    target.checked = false;
    $("options-said").textContent = said("Your browser does not allow notifications for this page.");
    return;
  }
  if (target.name === "sound" && target.checked) chime();
  choose({ [target.name]: target.type === "checkbox" ? target.checked : target.value });
};

function choose(options) {
  connection.ask("option", { options }).catch((error) => {
    $("options-said").textContent = error.message;
    view.options();
  });
}

/** The options of this browser outlive a log-in. */
function keep() {
  store("messenger.options", JSON.stringify(model.options));
}

function takeAlong() {
  const before = JSON.parse(stored("messenger.options") || "{}");
  const differ = Object.entries(before).some(([name, value]) => model.options[name] !== value);
  if (differ) choose(before);
}

function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // no storage in this browser: options last as long as the log-in
  }
}

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

// Keys

const MOVES = { ArrowDown: 1, ArrowUp: -1 };

$("groups").onkeydown = (event) => {
  const rows = view.rows();
  const at = rows.indexOf(document.activeElement);
  const to = { Home: 0, End: rows.length - 1 }[event.key] ?? at + (MOVES[event.key] || 0);
  if (at < 0 || to === at || !rows[to]) return;
  event.preventDefault();
  rows[at].tabIndex = -1;
  rows[to].tabIndex = 0;
  rows[to].focus();
};

$("find").onkeydown = (event) => {
  if (event.key === "ArrowDown") {
    event.preventDefault();
    ($("found").querySelector("button") || view.rows()[0])?.focus();
  }
};

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const writing = event.target.matches("input, textarea, select");
  if (event.key === "/" && !writing) {
    event.preventDefault();
    $("find").focus();
  } else if (event.key === "Escape") {
    if ($("find").value) forget();
    else if (view.peer) back();
  }
});
