// The page “Calls”: what an edge says about telephony, once a second, and what a person does about it.

import { $, keyed, make, write } from "./dom.js";
import { Phones } from "./phones.js";

const PAUSE = 1000; // ms from one answer to the next question
const SEARCH_PAUSE = 200; // ms after the last letter

const page = $("calls");
const mayPress = "mayPress" in page.dataset;
const phones = new Phones($("phones"), {
  press: (line, button, text) => ask("POST", `${page.dataset.lines}${line}/press/?${edge()}`, { button, text }),
  ring: (line, from) => ask("POST", `${page.dataset.lines}${line}/ring/?${edge()}`, { from }),
  changed: look,
});
let number = 1; // of the page
let turn = 0; // the newest question; older answers are passed over
let timer = 0;

// Asking

async function ask(method, url, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  headers["X-CSRFToken"] = page.querySelector("[name=csrfmiddlewaretoken]").value;
  let response;
  try {
    response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(words(answer) || `The server says ${response.status}.`);
  return answer;
}

function words(problem) {
  const found = problem?.errors ? Object.values(problem.errors).flat().join(" ") : problem?.detail;
  return found || problem?.title;
}

function edge() {
  return new URLSearchParams($("edge-choice").hidden ? {} : { edge: $("edge").value });
}

function question() {
  const values = edge();
  values.set("search", $("search").value);
  values.set("page", number);
  if (mayPress) for (const one of phones.open) values.append("phone", one);
  return `${page.dataset.telephony}?${values}`;
}

async function look() {
  const mine = (turn += 1);
  clearTimeout(timer);
  let found = null;
  let fault = "";
  try {
    found = await ask("GET", question());
  } catch (error) {
    fault = error.message;
  }
  if (mine !== turn) return;
  write($("fault"), fault);
  page.classList.toggle("stale", !found);
  if (found) show(found);
  if (!document.hidden) timer = setTimeout(look, PAUSE);
}

// Showing

function show(found) {
  edges(found);
  page.classList.toggle("sought", $("search").value.trim() !== "");
  const where = found.addresses.length ? `programs connect to ${found.addresses.join(", ")}` : "no address for programs";
  write($("switch"), `Switch ${found.status}, ${where}`);
  table("calls", found, (call) => call.id, callCells);
  table("devices", found, (device) => device.number, deviceCells, phoneButton);
  table("associations", found, (one) => one.id, associationCells, endButton);
  table("monitors", found, (one) => `${one.association} ${one.reference}`, monitorCells);
  if (mayPress) phones.show(found.phones);
  const pages = Math.max(1, ...Object.values(found.totals).map((total) => Math.ceil(total / found.page_size)));
  $("pages").hidden = pages === 1 && number === 1;
  write($("page-number"), `Page ${number} of ${pages}`);
  $("previous").disabled = number === 1;
  $("next").disabled = number >= pages;
}

function edges(found) {
  $("edge-choice").hidden = found.edges.length < 2;
  keyed(
    $("edge"),
    found.edges,
    (name) => name,
    (name) => make("option", { value: name, textContent: name }),
    () => {},
  );
}

/** `cells` makes texts of an item, or lists of [text, state]; `button` makes and updates what the last cell holds. */
function table(name, found, key, cells, button = null) {
  const place = $(`table-${name}`);
  const labels = [...place.tHead.rows[0].cells].map((cell) => cell.textContent);
  keyed(
    place.tBodies[0],
    found[name],
    key,
    () => make("tr", {}, ...labels.map(newCell)),
    (row, item) => {
      const values = cells(item);
      values.forEach((value, index) => fill(row.cells[index], value));
      if (button && mayPress) button(row.cells[values.length], item);
    },
  );
  write(place.parentNode.querySelector(".count"), found.totals[name] ? String(found.totals[name]) : "");
  place.hidden = !found[name].length;
  place.nextElementSibling.hidden = Boolean(found[name].length);
}

function newCell(label) {
  const cell = make("td");
  cell.dataset.label = label;
  return cell;
}

function fill(cell, value) {
  if (typeof value === "string") {
    write(cell, value);
    return;
  }
  keyed(
    cell,
    value.map((one, index) => [index, ...one]),
    ([index]) => index,
    () => make("span", { className: "state" }),
    (node, [, text, state]) => {
      node.dataset.state = state;
      write(node, text);
    },
  );
}

const time = (text) => (text ? new Date(text).toLocaleTimeString() : "");
const plain = (text) => text.replace(/^sip:/, "");

function callCells(call) {
  const parties = call.parties.map(({ device, state }) => [`${plain(device)} ${state}`, state]);
  return [call.id, time(call.since), plain(call.calling), plain(call.called), call.switch, parties];
}

function deviceCells(device) {
  const there = device.switch === "sip" ? ["registered", "not registered"] : ["plugged in", "unplugged"];
  const phone = (device.present ? there[0] : there[1]) + (device.busy ? ", made busy" : "");
  const forwarding = device.forwarding.filter(({ on }) => on).map(({ kind, to }) => `${kind.slice(7)} to ${to}`);
  const connections = device.connections.map(({ state, with: others }) => [
    `${state}, ${others.map((one) => plain(one.device)).join(", ") || "nobody yet"}`,
    state,
  ]);
  const dnd = device.do_not_disturb ? "on" : "";
  return [device.number, plain(device.owner), device.switch, phone, dnd, forwarding.join(", "), connections];
}

function associationCells(one) {
  const left = `${Math.floor(one.expires_in / 60)} min ${one.expires_in % 60} s`;
  const user = one.user ? plain(one.user) : "not logged in";
  return [user, one.transport, one.peer, one.edition, time(one.since), left, String(one.monitors)];
}

function monitorCells(one) {
  return [plain(one.device), plain(one.user), one.reference, one.left_out.join(", ")];
}

// Doing

function phoneButton(cell, device) {
  if (device.switch !== "simulated") {
    cell.replaceChildren();
    return;
  }
  const button = cell.firstElementChild || cell.appendChild(make("button", { type: "button", textContent: "Phone" }));
  button.setAttribute("aria-label", `Phone ${device.number}`);
  button.setAttribute("aria-expanded", String(phones.open.includes(device.number)));
  button.onclick = () => phones.toggle(device.number);
}

function endButton(cell, one) {
  const button = cell.firstElementChild || cell.appendChild(make("button", { type: "button", textContent: "Close" }));
  button.setAttribute("aria-label", `Close the session of ${one.user || one.peer}`);
  button.onclick = () => end(one);
}

function end(one) {
  const confirm = $("confirm");
  write($("question"), `Close the session of ${one.user || "a program that is not logged in"} from ${one.peer}?`);
  confirm.returnValue = "no";
  confirm.onclose = async () => {
    if (confirm.returnValue !== "yes") return;
    try {
      await ask("DELETE", `${page.dataset.telephony}associations/${one.id}/?${edge()}`);
    } catch (error) {
      write($("fault"), error.message);
      return;
    }
    look();
  };
  confirm.showModal();
}

function turnTo(wanted) {
  number = wanted;
  look();
}

$("find").onsubmit = (event) => event.preventDefault();
$("search").oninput = () => {
  clearTimeout(timer);
  number = 1;
  timer = setTimeout(look, SEARCH_PAUSE);
};
$("edge").onchange = () => turnTo(1);
$("previous").onclick = () => turnTo(number - 1);
$("next").onclick = () => turnTo(number + 1);
document.addEventListener("visibilitychange", () => document.hidden || look());
look();
