// The rows of a work list, which the central desk sees by centre: one group for each, the most urgent first.

/** Every row of the list, in order. */
export function rowsOf(list) {
  return [...list.querySelectorAll("li.case")];
}

/** The list a row belongs into; makes the group of its centre where there is none yet. */
export function listOf(list, row) {
  if (list.matches("ol")) return list;
  const { center, centerName } = row.dataset;
  const known = list.querySelector(`details[data-center="${CSS.escape(center)}"]`);
  if (known) return known.querySelector("ol");
  const group = document.createElement("details");
  group.className = "group";
  group.dataset.center = center;
  group.open = true;
  const [summary, name, count, cases] = ["summary", "h3", "span", "ol"].map((tag) => document.createElement(tag));
  name.textContent = centerName;
  count.className = "group-count";
  summary.append(name, " (", count, ")");
  cases.className = "cases";
  cases.setAttribute("aria-label", centerName);
  group.append(summary, cases);
  const less = [...list.children].find((other) => other.querySelector("li.case")?.dataset.sort > row.dataset.sort);
  list.insertBefore(group, less ?? null);
  return cases;
}

/** Counts the groups, drops empty ones, hides those of which no row is shown. Moves none: somebody may be reading. */
export function tidy(list) {
  for (const group of list.querySelectorAll("details.group")) {
    const rows = rowsOf(group);
    if (rows.length === 0) group.remove();
    group.querySelector(".group-count").textContent = rows.filter((row) => !row.hidden).length;
    group.hidden = rows.every((row) => row.hidden);
  }
}
