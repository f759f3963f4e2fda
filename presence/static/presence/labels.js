// Names for screen readers: fields in the rows of a table are named by their column, and choosers by their label.

function labelRows(root) {
  for (const field of root.querySelectorAll("td input:not([type=hidden]), td select, td textarea")) {
    if (field.labels?.length || field.ariaLabel) continue;
    const cell = field.closest("td");
    const row = cell.parentElement;
    const heads = cell.closest("table")?.querySelectorAll("thead th");
    const head = heads?.length === row.children.length ? heads[cell.cellIndex] : null;
    const name = head?.innerText.trim() || cell.dataset.label || field.name.split("-").pop().replaceAll("_", " ");
    field.ariaLabel = name;
  }
}

function labelChoosers(root) {
  for (const chooser of root.querySelectorAll(".select2-selection")) {
    const field = chooser.closest(".select2-container")?.previousElementSibling;
    const name = field?.labels?.[0]?.innerText.trim() || field?.ariaLabel || field?.name;
    if (!name) continue;
    const shown = chooser.querySelector(".select2-selection__rendered");
    chooser.removeAttribute("aria-labelledby");
    chooser.ariaLabel = [name, shown?.title].filter(Boolean).join(": ");
    if (shown?.role === "textbox") shown.ariaLabel = name;
  }
}

function label() {
  labelRows(document);
  labelChoosers(document);
}

addEventListener("load", label);
document.addEventListener("formset:added", label);
document.addEventListener("change", () => setTimeout(label));
