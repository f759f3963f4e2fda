// Before anything is painted: the colours that were chosen in this browser, where the page does not know them yet.
try {
  const root = document.documentElement;
  root.dataset.theme ||= JSON.parse(localStorage.getItem("messenger.options") || "{}").theme || "auto";
} catch {
  // no storage in this browser: the system's colours
}
