// Drawing attention: the title, a sound, a desktop notification; the last two only if the user wants them.

import { plain } from "./model.js";
import { said } from "./words.js";

let audio;

/** Two soft tones, made here: no file, no player. */
export function chime() {
  audio ||= new AudioContext();
  [660, 880].forEach((pitch, number) => {
    const start = audio.currentTime + number * 0.12;
    const tone = new OscillatorNode(audio, { frequency: pitch, type: "sine" });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.12, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.35);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.4);
  });
}

/** May we? Asks the user if nobody has yet. */
export async function mayNotify() {
  if (!("Notification" in window)) return false;
  return (await Notification.requestPermission()) === "granted";
}

export function notify(name, message, open) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const shown = new Notification(name, { body: message.text, tag: `${plain(message.peer)} ${message.id}` });
  shown.onclick = () => {
    window.focus();
    shown.close();
    open(message.peer);
  };
}

export function title(unread) {
  document.title = unread ? `(${unread}) ${said("Messenger")}` : said("Messenger");
}
