// The WebSocket of the page: it comes back by itself, and what was asked is answered or fails.

import { said } from "./words.js";

const FIRST_PAUSE = 500; // ms until the first new attempt; doubled each time
const LONGEST_PAUSE = 15000; // ms
const PING = 25000; // ms between two questions whether the server is there
const PATIENCE = 10000; // ms for its answer
const OVER = 4001; // the log-in has ended; see sipedge/messenger/consumers.py

export class Lost extends Error {}

export class Connection {
  /** `heard(event)` for everything but answers; `changed(open)` when the socket opens or closes. */
  constructor(path, { heard, changed }) {
    this.url = new URL(path, location.href);
    this.url.protocol = this.url.protocol === "https:" ? "wss:" : "ws:";
    this.heard = heard;
    this.changed = changed;
    this.waiting = new Map();
    this.pause = FIRST_PAUSE;
    this.number = 0;
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.socket?.readyState === WebSocket.OPEN && this.drop());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    setInterval(() => this.look(), PING);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    const socket = (this.socket = new WebSocket(this.url));
    socket.onopen = () => this.changed(true);
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "answer") return this.answered(event);
      if (event.type === "state") this.pause = FIRST_PAUSE;
      this.heard(event);
    };
    socket.onclose = ({ code }) => this.socket === socket && this.closed(code);
  }

  closed(code) {
    for (const { reject } of this.waiting.values()) reject(new Lost(said("The connection was lost.")));
    this.waiting.clear();
    if (code === OVER) return;
    this.changed(false);
    this.timer = setTimeout(() => this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  /** A dead socket may take minutes to say so; do not wait for it. */
  drop() {
    const socket = this.socket;
    socket.onclose = null;
    socket.close();
    this.closed(0);
  }

  hurry() {
    this.pause = FIRST_PAUSE;
    if (this.socket.readyState > WebSocket.OPEN) this.open();
  }

  async look() {
    if (this.socket.readyState > WebSocket.OPEN) return this.hurry();
    if (this.socket.readyState < WebSocket.OPEN) return;
    const socket = this.socket;
    const late = setTimeout(() => this.socket === socket && this.drop(), PATIENCE);
    await this.ask("ping").catch(() => {});
    clearTimeout(late);
  }

  /** Ask; the answer, or an Error with words for people. */
  ask(what, values = {}, ref = `r${++this.number}`) {
    if (this.socket.readyState !== WebSocket.OPEN) return Promise.reject(new Lost(said("Not connected.")));
    return new Promise((resolve, reject) => {
      this.waiting.set(ref, { resolve, reject });
      this.socket.send(JSON.stringify({ do: what, ref, ...values }));
    });
  }

  /** Say something that nobody answers; it is lost when nobody is there. */
  say(what, values = {}) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ do: what, ...values }));
  }

  answered({ ref, result, error }) {
    const waiting = this.waiting.get(ref);
    this.waiting.delete(ref);
    if (error !== undefined) waiting?.reject(new Error(error));
    else waiting?.resolve(result);
  }
}
