// The panels of simulated phones: what a phone shows, and its buttons.

import { keyed, make, write } from "./dom.js";

const MOST = 20; // phones that the server is asked for beside the tables
const SHOWN = {
  initiated: () => "Dial tone",
  alerting: (others) => `Rings: ${others} calls`,
  connected: (others, there) => (there ? `Connected with ${others}` : `Calls ${others}`),
  held: (others) => `On hold: ${others}`,
  failed: (others) => (others ? `${others} hears the busy tone` : "Busy tone"),
};
const KEYS = [
  [["off hook", "Off hook"], ["hang up", "Hang up"], ["hold", "Hold"], ["retrieve", "Retrieve"]],
  [["dial", "Dial"], ["deflect", "Deflect to"], ["forward", "Forward to"], ["do not forward", "Do not forward"]],
  [["busy", "Busy"], ["free", "Free"], ["do not disturb", "Do not disturb"], ["disturb", "May be disturbed"],
    ["unplug", "Unplug"], ["plug", "Plug in"]],
];
const NEEDS_NUMBER = new Set(["dial", "deflect", "forward"]);

function sentence({ state, with: others }) {
  const failed = others.find((one) => one.state === "failed");
  if (failed && state === "connected") return `Busy tone: ${failed.device} cannot be reached`;
  const there = others.some((one) => one.state === "connected" || one.state === "held");
  return SHOWN[state](others.map((one) => one.device).join(", "), there);
}

export class Phones {
  /** `does.press(line, button, text)` and `does.ring(line, from)` give the device afterwards; `does.changed()`. */
  constructor(place, does) {
    this.place = place;
    this.does = does;
    this.open = location.hash.slice(1).split(",").map(decodeURIComponent).filter(Boolean).slice(0, MOST);
  }

  toggle(number) {
    const open = !this.open.includes(number);
    this.open = open ? [...this.open, number].slice(-MOST) : this.open.filter((one) => one !== number);
    history.replaceState(null, "", `#${this.open.map(encodeURIComponent)}`);
    this.opened = open ? number : "";
    this.does.changed();
  }

  show(devices) {
    keyed(
      this.place,
      devices.filter((device) => device.switch === "simulated" && this.open.includes(device.number)),
      (device) => device.number,
      (device) => this.panel(device),
      (panel, device) => this.update(panel, device),
    );
    const panel = [...this.place.children].find((one) => one.dataset.key === this.opened);
    if (panel) {
      this.opened = "";
      panel.querySelector("[data-button]:enabled")?.focus();
    }
  }

  panel({ number }) {
    const title = make("h3", { textContent: number });
    const close = make("button", { type: "button", className: "close", textContent: "×" });
    close.setAttribute("aria-label", `Close phone ${number}`);
    close.onclick = () => this.toggle(number);
    const display = make("ul", { className: "display" });
    display.setAttribute("aria-live", "polite");
    const entry = make("input", { type: "tel", className: "number", maxLength: 320, autocomplete: "off" });
    const caller = make("input", { type: "tel", className: "caller", maxLength: 320, autocomplete: "off" });
    const ring = make("form", { className: "ring" });
    ring.append(make("label", {}, "Call from outside, from", caller), make("button", { textContent: "Call" }));
    const panel = make("article", { className: "phone" }, make("header", {}, title, make("span"), close), display);
    panel.setAttribute("aria-label", `Phone ${number}`);
    const rows = KEYS.map((keys) => make("div", { className: "keys" }, ...keys.map(([name, label]) => this.key(panel, name, label))));
    const fault = make("p", { className: "fault" });
    fault.setAttribute("role", "alert");
    panel.append(rows[0], make("label", {}, "Number", entry), ...rows.slice(1), ring, fault);
    entry.oninput = () => this.enable(panel);
    entry.onkeydown = (event) => {
      if (event.key === "Enter") panel.querySelector("[data-button=dial]").click();
    };
    ring.onsubmit = (event) => {
      event.preventDefault();
      this.send(panel, this.does.ring(panel.device.line, caller.value));
    };
    return panel;
  }

  key(panel, name, label) {
    const button = make("button", { type: "button", textContent: label });
    button.dataset.button = name;
    button.onclick = () => {
      const text = NEEDS_NUMBER.has(name) ? panel.querySelector(".number").value : "";
      this.send(panel, this.does.press(panel.device.line, name, text));
    };
    return button;
  }

  async send(panel, pressed) {
    const fault = panel.querySelector(".fault");
    try {
      this.update(panel, await pressed);
      write(fault, "");
    } catch (error) {
      write(fault, error.message);
    }
    this.does.changed();
  }

  update(panel, device) {
    panel.device = device;
    write(panel.querySelector("header span"), device.owner.replace(/^sip:/, ""));
    const lines = device.connections.map((connection) => [connection.call, connection.state, sentence(connection)]);
    const forward = device.forwarding.find(({ kind, on }) => on && kind === "forwardImmediate");
    if (!device.present) lines.push(["present", "off", "Unplugged"]);
    else if (!lines.length) lines.push(["free", "free", device.busy ? "Made busy" : "Free"]);
    if (device.do_not_disturb) lines.push(["dnd", "off", "Do not disturb"]);
    if (forward) lines.push(["forward", "off", `Calls go to ${forward.to}`]);
    keyed(
      panel.querySelector(".display"),
      lines,
      ([key]) => key,
      () => make("li"),
      (node, [, state, text]) => {
        node.dataset.state = state;
        write(node, text);
      },
    );
    const rings = device.connections.some(({ state }) => state === "alerting");
    write(panel.querySelector("[data-button='off hook']"), rings ? "Answer" : "Off hook");
    this.enable(panel);
  }

  /** What would do nothing cannot be pressed. */
  enable(panel) {
    const { buttons, forwarding } = panel.device;
    const number = panel.querySelector(".number").value.trim();
    const kept = forwarding.some(({ kind }) => kind === "forwardImmediate");
    for (const button of panel.querySelectorAll("[data-button]")) {
      const name = button.dataset.button;
      const lacks = NEEDS_NUMBER.has(name) && !number && !(name === "forward" && kept);
      button.disabled = lacks || !buttons.includes(name);
    }
  }
}
