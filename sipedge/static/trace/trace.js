// The signalling trace: a click anywhere in a row opens its message, and “Follow” adds what comes, newest last.

const EVERY = 2000; // milliseconds between two looks
const MOST = 1000; // rows that stay; a browser with more becomes slow

const page = document.querySelector(".trace");
const rows = document.getElementById("rows");
const said = document.getElementById("said");
const follow = document.getElementById("follow");
let until = page.dataset.until;
let timer = 0;
let looking = false;

function openable() {
  for (const row of rows.querySelectorAll("tr:not([data-open])")) row.dataset.open = "";
}

rows.addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  if (row && !event.target.closest("a") && !getSelection().toString()) location.href = row.querySelector("a").href;
});

function say(text, wrong) {
  if (said.textContent !== text) said.textContent = text; // the same words again would be read out again
  said.classList.toggle("wrong", Boolean(wrong));
}

async function look() {
  if (looking) return; // switched off and on again meanwhile: that one goes on
  looking = true;
  let again = EVERY;
  try {
    const answer = await fetch(`${page.dataset.tail}?${page.dataset.query}&since=${until}`, { redirect: "error" });
    const found = await answer.json();
    if (answer.ok) {
      add(found.rows);
      until = found.until;
      if (found.more) again = 0;
      say("Following.");
    } else {
      say(found.said, true);
    }
  } catch {
    say("The server does not answer, or you are logged out.", true);
  }
  looking = false;
  if (timer) timer = setTimeout(look, again);
}

function add(html) {
  if (!html.trim()) return;
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
  rows.insertAdjacentHTML("beforeend", html);
  while (rows.rows.length > MOST) rows.deleteRow(0);
  openable();
  if (atEnd) rows.lastElementChild.scrollIntoView({ block: "nearest" });
}

openable();
if (follow) {
  follow.hidden = false;
  follow.addEventListener("click", () => {
    clearTimeout(timer);
    timer = timer ? 0 : setTimeout(look, 0);
    follow.setAttribute("aria-pressed", String(Boolean(timer)));
    say(timer ? "Following." : "");
  });
}
