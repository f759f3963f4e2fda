// Looks again every few seconds, and draws how many messages a second have come in since the page was opened.

const MOST = 60; // points of the line: ten minutes
const board = document.querySelector(".dashboard");
const inside = board.querySelector(".inside");
const line = board.querySelector("polyline");
const caption = board.querySelector("figcaption");
const fault = board.querySelector(".fault");
const rates = [];
let before = { received: received(), at: performance.now() };

function received() {
  return Number(inside.firstElementChild.dataset.received);
}

async function look() {
  try {
    const answer = await fetch(board.dataset.fragment, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    inside.innerHTML = await answer.text();
    fault.textContent = "";
    draw();
  } catch {
    fault.textContent = "The server does not answer, or you are logged out.";
  }
}

function draw() {
  const now = { received: received(), at: performance.now() };
  const rate = (1000 * (now.received - before.received)) / (now.at - before.at);
  before = now;
  if (rate < 0) return; // an edge began anew
  rates.push(rate);
  if (rates.length > MOST) rates.shift();
  const top = Math.max(1, ...rates);
  line.setAttribute("points", rates.map((one, i) => `${(100 * i) / (MOST - 1)},${29 - (28 * one) / top}`).join(" "));
  caption.textContent = `${rate.toFixed(1)} SIP messages a second come in, at most ${Math.max(...rates).toFixed(1)}.`;
}

setInterval(look, 1000 * Number(board.dataset.look));
