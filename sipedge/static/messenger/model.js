// What the page knows: no DOM here.

import { LOCALE, said } from "./words.js";

export const LABELS = {
  automatic: said("Automatic"),
  available: said("Available"),
  busy: said("Busy"),
  interruptible: said("Interruptible But Busy"),
  dnd: said("Do Not Disturb"),
  away: said("Away"),
  vacation: said("On Vacation"),
  unavailable: said("Unavailable"),
  unknown: said("Unknown"),
};

const SUBSCRIPTIONS = {
  pending: said("Waiting for an answer"),
  refused: said("Does not show you a state"),
};

const FAILURES = {
  403: said("not allowed"),
  404: said("there is no such user"),
  408: said("no answer"),
  413: said("too long"),
  480: said("not there; may have logged off"),
  486: said("busy"),
  503: said("the server is too busy; try again later"),
};

const OTHERS = { id: "others", name: said("Other conversations") };

export const plain = (uri) => uri.replace(/^sips?:/, "");

export class Model {
  me = { aor: "", name: "", status: "automatic", note: "" };
  buddies = new Map(); // uri: what the edge says
  groups = []; // {id, name, members: [{uri, name}]}
  talks = new Map(); // uri: messages, oldest first
  outbox = []; // what was not answered yet: {ref, to, text, at, failed}
  texts = [];
  options = { sound: false, notify: false, offline: true, theme: "auto" };
  limits = { buddies: 100, message: 8000 };
  typing = new Map(); // uri: until when, ms
  found = new Map(); // uri: name, of people who were searched for
  ready = false;

  /** Take in the full state; ids of incoming messages that are new here. */
  take(state) {
    this.me = { aor: state.aor, name: state.name, status: state.status, note: state.note };
    this.buddies = new Map(state.buddies.map((one) => [one.uri, one]));
    this.groups = state.groups;
    this.texts = state.texts;
    this.options = state.options;
    this.limits = state.limits;
    const known = new Set([...this.talks.values()].flat().map((one) => one.id));
    const fresh = state.messages.filter((one) => !known.has(one.id));
    for (const one of fresh) {
      const kept = one.outgoing ? this.outbox.findIndex((sent) => sent.to === one.peer && sent.text === one.text) : -1;
      if (kept >= 0) this.outbox.splice(kept, 1);
    }
    this.talks = new Map();
    for (const message of state.messages) this.talk(message.peer).push(message);
    this.ready = true;
    return fresh.filter((one) => !one.outgoing).map((one) => one.id);
  }

  talk(uri) {
    if (!this.talks.has(uri)) this.talks.set(uri, []);
    return this.talks.get(uri);
  }

  /** Take in one message; false when it is here already. */
  add(message) {
    const talk = this.talk(message.peer);
    if (talk.some((one) => one.id === message.id)) return false;
    talk.push(message);
    if (!message.outgoing) this.typing.delete(message.peer);
    return true;
  }

  read(uri) {
    for (const one of this.talks.get(uri) || []) one.unread = false;
  }

  unread(uri) {
    return (this.talks.get(uri) || []).filter((one) => one.unread).length;
  }

  get unreadOfAll() {
    return [...this.talks.keys()].reduce((sum, uri) => sum + this.unread(uri), 0);
  }

  name(uri) {
    const member = this.groups.flatMap((one) => one.members).find((one) => one.uri === uri && one.name);
    return member?.name || this.found.get(uri) || plain(uri).split("@")[0];
  }

  isBuddy(uri) {
    return this.groups.some((one) => one.members.some((member) => member.uri === uri));
  }

  state(uri) {
    return this.buddies.get(uri)?.state || "unknown";
  }

  /** State in words, with what the person does, idle, and since when. */
  words(uri) {
    const buddy = this.buddies.get(uri);
    if (!buddy) return this.isBuddy(uri) ? said("Waiting for an answer") : plain(uri);
    if (SUBSCRIPTIONS[buddy.subscription]) return SUBSCRIPTIONS[buddy.subscription];
    const parts = [LABELS[buddy.state], ...buddy.activities.map((one) => said(one.replaceAll("-", " ")))];
    if (this.idle(uri)) parts.push(said("idle"));
    return parts.join(" · ");
  }

  idle(uri) {
    const open = (this.buddies.get(uri)?.devices || []).filter((one) => one.open);
    return open.length > 0 && open.every((one) => one.idle);
  }

  note(uri) {
    return this.buddies.get(uri)?.note || "";
  }

  since(uri) {
    const buddy = this.buddies.get(uri);
    return buddy?.since && buddy.subscription === "active" ? said("since {when}", { when: moment(buddy.since) }) : "";
  }

  /** Names of what the person can be reached by now; nothing rings for somebody who is not there. */
  devices(uri) {
    const open = this.away(uri) ? [] : this.buddies.get(uri).devices.filter((one) => one.open);
    return [["phone", "audio"], ["text", "text"], ["video", "video"]]
      .filter(([, can]) => open.some((one) => one[can]))
      .map(([name]) => name);
  }

  away(uri) {
    return ["unavailable", "unknown"].includes(this.state(uri));
  }

  /** Groups as they are listed: who can be reached comes first; people without a group who have written come last. */
  listed() {
    const order = (a, b) => this.away(a) - this.away(b) || this.name(a).localeCompare(this.name(b));
    const others = [...new Set([...this.talks.keys(), ...this.outbox.map((one) => one.to)])];
    const groups = [
      ...this.groups.map((one) => ({ ...one, uris: one.members.map((member) => member.uri) })),
      { ...OTHERS, uris: others.filter((uri) => !this.isBuddy(uri)) },
    ];
    return groups
      .map((group) => ({
        ...group,
        there: group.uris.filter((uri) => !this.away(uri)).length,
        shown: group.uris
          .filter((uri) => this.options.offline || group.id === OTHERS.id || !this.away(uri) || this.unread(uri))
          .sort(order),
      }))
      .filter((group) => group.id !== OTHERS.id || group.shown.length);
  }

  /** A conversation with what was not answered yet at its end. */
  lines(uri) {
    const waiting = this.outbox
      .filter((one) => one.to === uri)
      .map((one) => ({ ...one, id: one.ref, outgoing: true, status: 0 }));
    return [...(this.talks.get(uri) || []), ...waiting];
  }
}

/** What became of an outgoing message. */
export function fate(line) {
  if (line.failed) return said("Not sent: {why}", { why: line.failed });
  if (!line.status) return said("Sending…");
  if (line.status === 202) return said("Kept until they are back");
  if (line.status < 300) return said("Delivered");
  const why = FAILURES[line.status] || said("answer {code}", { code: line.status });
  return said("Not delivered: {why}", { why });
}

const CLOCK = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short" });

export const clock = (at) => CLOCK.format(new Date(at));

export function day(at) {
  return isToday(at) ? said("Today") : DAY.format(new Date(at));
}

function isToday(at) {
  return new Date(at).toDateString() === new Date().toDateString();
}

function moment(at) {
  return isToday(at) ? clock(at) : `${day(at)} ${clock(at)}`;
}
