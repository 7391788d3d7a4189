// Shows only the rows somebody looks for, at once and without asking the server; without scripts the form does it.

import { rowsOf, tidy } from "./groups.js";

/** Watches the filter above a list. `judge` shows or hides one row; `told` says where nothing fits. */
export function filtering(root, list) {
  const form = document.getElementById("filter");
  const alias = document.getElementById("alias");
  const none = document.getElementById("none-shown");

  function fits(row) {
    const of = new FormData(form);
    const has = (name, values) => !of.get(name) || values.split(" ").includes(of.get(name));
    const typed = alias.value.trim();
    return has("state", row.dataset.states) && has("urgency", row.dataset.urgency) && has("harm", row.dataset.harms)
      && (!of.get("mine") || row.dataset.who === root.dataset.me)
      && (!typed || row.dataset.alias.includes(typed));
  }

  function judge(row) {
    row.hidden = row.matches("[data-states]") && !fits(row);
  }

  function told() {
    const rows = rowsOf(list);
    none.hidden = rows.length === 0 || rows.some((row) => !row.hidden);
    tidy(list);
  }

  function all() {
    for (const row of rowsOf(list)) judge(row);
    told();
  }

  form.addEventListener("change", () => {
    all();
    const address = new URL(location.href);
    for (const name of ["state", "urgency", "harm", "mine"]) {
      const value = new FormData(form).get(name);
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    history.replaceState(null, "", address);
  });
  alias.addEventListener("input", all);
  all();
  return { judge, told };
}
