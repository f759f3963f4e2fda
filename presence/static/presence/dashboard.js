// The first page, live: told by WebSocket, asked for every few seconds where there is none, and drawn in small curves.

const COLOURS = ["#2563eb", "#d97706", "#dc2626", "#16a34a", "#7c3aed"];
const AGAIN = 30_000; // milliseconds until a socket is tried again, while the page asks
const OVER = 4403; // the server's close code for whoever may not look any more
const board = document.querySelector(".dashboard");
const inside = board.querySelector(".inside");
const fault = board.querySelector(".fault");
let asking = 0;

function show(html) {
  inside.innerHTML = html;
  fault.textContent = "";
  draw();
}

async function look() {
  try {
    const answer = await fetch(board.dataset.fragment, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.text());
  } catch {
    fault.textContent = board.dataset.away;
  }
}

function listen() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}${board.dataset.socket}`);
  board.dataset.by = "asking";
  socket.onmessage = (event) => {
    clearInterval(asking);
    asking = 0;
    board.dataset.by = "socket";
    show(JSON.parse(event.data).html);
  };
  socket.onclose = (event) => {
    board.dataset.by = "asking";
    if (event.code === OVER) {
      fault.textContent = board.dataset.away;
      return;
    }
    if (!asking) asking = setInterval(look, 1000 * Number(board.dataset.look));
    setTimeout(listen, AGAIN);
  };
}

// Curves

const charts = new Map();
const called = JSON.parse(board.dataset.names); // in the language of the page

function lines(names, curves) {
  return names.flatMap((name) =>
    Array.isArray(curves[name]) ? [[called[name] ?? name, curves[name]]] : Object.entries(curves[name]),
  );
}

function draw() {
  const curves = JSON.parse(inside.firstElementChild.dataset.curves);
  for (const canvas of board.querySelectorAll("canvas")) {
    const found = lines(canvas.dataset.curve.split(","), curves);
    const caption = canvas.parentElement.querySelector("figcaption");
    const now = found.map(([name, points]) => `${found.length > 1 ? `${name} ` : ""}${points.at(-1)}`).join(", ");
    caption.textContent = caption.dataset.said.replace("%s", now);
    canvas.setAttribute("aria-label", caption.textContent);
    const data = {
      labels: curves.seconds,
      datasets: found.map(([label, points], at) => ({
        label, data: points, borderColor: COLOURS[at % COLOURS.length], borderWidth: 1.5, pointRadius: 0, tension: 0.2,
      })),
    };
    const chart = charts.get(canvas);
    if (chart) {
      chart.data = data;
      chart.update("none");
    } else {
      charts.set(canvas, new Chart(canvas, { type: "line", data, options: options(found.length) }));
    }
  }
}

function options(number) {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    plugins: { legend: { display: number > 1, labels: { boxWidth: 12 } }, tooltip: { enabled: false } },
    scales: { x: { display: false }, y: { beginAtZero: true, ticks: { maxTicksLimit: 4 } } },
  };
}

draw();
listen();
