// TOKEN=... node watch.mjs ws://127.0.0.1:8000 alice@example.org    (Node 20: node --experimental-websocket watch.mjs)
// A page in a browser does the same, with the token from wherever its user has it.
const [server, ...people] = process.argv.slice(2);
const socket = new WebSocket(`${server}/ws/presence/`);
const say = (message) => socket.send(JSON.stringify(message));

socket.onopen = () => say({ type: "auth", token: process.env.TOKEN });
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "ready") say({ type: "subscribe", aors: people });
  for (const one of message.documents ?? []) console.log(one.aor, one.label ?? "not to be seen", one.note ?? "");
};
socket.onclose = ({ code }) => process.exit(code === 1000 ? 0 : 1);
