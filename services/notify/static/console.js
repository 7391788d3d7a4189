// Keeps the work list of the console live and acknowledges without leaving it. The page works without this.

import { choices } from "./choices.js";
import { count } from "./countdown.js";
import { filtering } from "./filter.js";
import { listOf, rowsOf } from "./groups.js";
import { follow } from "./live-stream.js";
import { shortcuts } from "./shortcuts.js";
import { signal } from "./signals.js";

const root = document.querySelector(".console");
const list = document.getElementById("cases");
const live = document.getElementById("live");
const offered = document.getElementById("offered");
const offers = document.getElementById("offers");
const listTitle = document.getElementById("list-title");
const title = document.getElementById("title");
const head = document.getElementById("head");
const empty = document.getElementById("empty");
const more = document.getElementById("more");
const mute = document.getElementById("mute");
const seen = new Map();
/** Rows that stayed where they were because somebody was at them. */
const kept = new Set();
const filter = filtering(root, list);
const wishes = choices(document.getElementById("settings"));
let listed = null;

for (const row of [...offers.children, ...rowsOf(list)]) seen.set(row.id, Number(row.dataset.rev));

function place(row, into) {
  kept.delete(row.id);
  const after = [...into.children].find((other) => other !== row && !kept.has(other.id) && other.dataset.sort > row.dataset.sort);
  into.insertBefore(row, after ?? null);
}

/** Put rows where they belong that nobody is at any more. */
function settle() {
  for (const id of kept) {
    const row = document.getElementById(id);
    if (!row) kept.delete(id);
    else if (!row.contains(document.activeElement)) place(row, row.parentElement);
  }
}

function put(entry, told) {
  const id = `case-${entry.report_id}`;
  if (listed) listed.add(id);
  const known = document.getElementById(id);
  if (entry.rev < (seen.get(id) ?? 0) || (known && entry.rev === seen.get(id))) return;
  if (known?.querySelector(":active")) {
    // A button made anew between being pressed and let go is not clicked.
    setTimeout(() => document.getElementById(id) && apply({ rows: [entry], gone: [] }, told), 100);
    return;
  }
  seen.set(id, entry.rev);
  const shell = document.createElement("template");
  shell.innerHTML = entry.html.trim();
  const row = shell.content.firstElementChild;
  const into = entry.section === "offers" ? offers : listOf(list, row);
  // Of a drill of a front end that is being tried out nobody is alerted here either.
  const asNews = told && row.dataset.silent === undefined;
  if (into !== offers) filter.judge(row);
  const held = known?.contains(document.activeElement) ? document.activeElement : null;
  if (!known || known.parentElement !== into) {
    known?.remove();
    row.classList.add("fresh");
    place(row, into);
    if (held) stand(row, held);
    if (asNews) signal(wishes, root);
    return;
  }
  if (known.dataset.states !== row.dataset.states && asNews && row.dataset.states.includes("new")) signal(wishes, root);
  known.replaceWith(row);
  // A row keeps its place while someone is about to act on it.
  if (held) kept.add(row.id);
  else place(row, into);
  if (held) stand(row, held);
}

/** What somebody stands on, in the row made anew; never another button, which would do something else. */
function alike(row, held) {
  const same = (one) => (held.form ? one.form?.action === held.form.action : one.href === held.href);
  return [...row.querySelectorAll("a, button")].find(same) ?? row.querySelector(".open-new") ?? row.querySelector("a");
}

/** Keep the focus of somebody who stood on `held` in `row`, or where the list goes on if that is not shown now. */
function stand(row, held) {
  (row.hidden ? onward(row) : alike(row, held)).focus();
}

/** Where somebody goes on whose row goes: a name of a case, which does nothing to it if Enter is pressed once more. */
function onward(row) {
  const all = [...offers.children, ...rowsOf(list)].filter((one) => one === row || one.checkVisibility());
  const at = all.indexOf(row);
  return (all[at + 1] ?? all[at - 1])?.querySelector(".case-alias") ?? title;
}

function drop(row) {
  const next = row.contains(document.activeElement) ? onward(row) : null;
  row.remove();
  next?.focus();
}

function take(left) {
  const row = document.getElementById(`case-${left.report_id}`);
  if (!row) return;
  seen.set(row.id, Number(row.dataset.rev));
  drop(row);
  const why = root.dataset[left.why];
  if (why) live.textContent = `${left.alias}: ${why}`;
}

function counted() {
  const rows = rowsOf(list);
  const values = document.querySelectorAll("#counts .stat-value");
  const real = rows.filter((row) => row.dataset.drill === undefined);
  if (more.hidden) {
    // Of all centres the list of central has only what waits or is new.
    const central = root.dataset.center === "central";
    (central ? ["waiting", "new"] : ["waiting", "new", "working", "held"]).forEach((name, at) => {
      values[at].textContent = real.filter((row) => row.dataset.states.split(" ").includes(name)).length;
    });
    if (!central) values[4].textContent = real.filter((row) => row.dataset.offered !== undefined).length;
  }
  empty.hidden = rows.length > 0;
  head.hidden = rows.length === 0;
  offered.hidden = offers.children.length === 0;
  listTitle.classList.toggle("visually-hidden", offered.hidden);
  filter.told();
  count(root);
}

function apply(body, asNews) {
  settle();
  for (const entry of body.rows) put(entry, asNews);
  for (const left of body.gone) take(left);
  counted();
}

function whole(body) {
  if (body.first) listed = new Set();
  more.hidden = !body.more;
  apply(body, root.dataset.live !== undefined && root.dataset.met === "yes");
  if (!body.last || !listed) return;
  for (const row of [...offers.children, ...rowsOf(list)]) if (!listed.has(row.id)) drop(row);
  listed = null;
  root.dataset.met = "yes";
  counted();
}

function showBanners(body) {
  const shell = document.createElement("template");
  shell.innerHTML = body.html;
  document.getElementById("banners").replaceChildren(shell.content);
}

function tick() {
  count(root);
  // Browsers let a page make no sound before somebody has touched it, also after it was loaded again by itself.
  mute.hidden = !wishes.sound || navigator.userActivation?.hasBeenActive !== false;
}

list.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.acknowledge");
  if (!form) return;
  event.preventDefault();
  // Not disabled: a button that is loses the focus of who pressed it by key.
  if (form.dataset.sent) return;
  form.dataset.sent = "yes";
  try {
    const answer = await fetch(`/api/v1/cases/${form.dataset.report}/acknowledge`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ownership: Number(form.dataset.ownership) }),
    });
    const body = await answer.json();
    live.textContent = answer.ok ? `${body.alias}: ${root.dataset.done}` : body.detail;
  } catch {
    live.textContent = root.dataset.unsent;
  } finally {
    delete form.dataset.sent;
  }
});

follow(
  `/api/v1/stream?center=${encodeURIComponent(root.dataset.center)}&html=true`,
  { list: whole, rows: (body) => apply(body, true), notice: showBanners },
  {
    onLive: () => { live.textContent = ""; root.dataset.live = "yes"; },
    onLost: () => { root.dataset.live = "no"; live.textContent = root.dataset.lost; },
  },
);
shortcuts(wishes, list, document.getElementById("alias"));
tick();
setInterval(tick, 1000);
