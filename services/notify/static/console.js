// Keeps the work list of the console live and acknowledges without leaving it. The page works without this.

const root = document.querySelector(".console");
const list = document.getElementById("cases");
const live = document.getElementById("live");
const empty = document.getElementById("empty");
const more = document.getElementById("more");
const seen = new Map();
let listed = null;

for (const row of list.children) seen.set(row.id, Number(row.dataset.rev));

function place(row) {
  let after = null;
  for (const other of list.children) {
    if (other !== row && other.dataset.sort > row.dataset.sort) {
      after = other;
      break;
    }
  }
  list.insertBefore(row, after);
}

function put(entry) {
  const id = `case-${entry.report_id}`;
  if (listed) listed.add(id);
  const known = document.getElementById(id);
  if (entry.rev < (seen.get(id) ?? 0) || (known && entry.rev === seen.get(id))) return;
  seen.set(id, entry.rev);
  const shell = document.createElement("template");
  shell.innerHTML = entry.html.trim();
  const row = shell.content.firstElementChild;
  if (!known) {
    row.classList.add("fresh");
    place(row);
    return;
  }
  const held = known.contains(document.activeElement);
  // A row keeps its place while someone is about to act on it.
  known.replaceWith(row);
  if (held) (row.querySelector("button") ?? row.querySelector("a")).focus();
  else place(row);
}

function take(id) {
  document.getElementById(`case-${id}`)?.remove();
}

function counted() {
  const states = { waiting: 0, acknowledged: 0 };
  for (const row of list.children) if (row.dataset.state in states) states[row.dataset.state] += 1;
  const values = document.querySelectorAll("#counts .stat-value");
  if (more.hidden && root.dataset.center !== "central") {
    if (values[0]) values[0].textContent = states.waiting;
    if (values[1]) values[1].textContent = states.acknowledged;
  } else if (more.hidden && values[0]) {
    values[0].textContent = states.waiting;
  }
  empty.hidden = list.children.length > 0;
}

function apply(body) {
  for (const entry of body.rows) put(entry);
  for (const id of body.gone) take(id);
  counted();
}

function listen() {
  const source = new EventSource(`/api/v1/stream?center=${encodeURIComponent(root.dataset.center)}&html=true`);
  source.addEventListener("open", () => { live.textContent = ""; root.dataset.live = "yes"; });
  source.addEventListener("list", (event) => {
    const body = JSON.parse(event.data);
    if (body.first) listed = new Set();
    more.hidden = !body.more;
    apply(body);
    if (!body.last || !listed) return;
    for (const row of [...list.children]) if (!listed.has(row.id)) row.remove();
    listed = null;
    counted();
  });
  source.addEventListener("rows", (event) => apply(JSON.parse(event.data)));
  source.addEventListener("notice", refreshBanners);
  source.addEventListener("error", () => {
    root.dataset.live = "no";
    live.textContent = root.dataset.lost;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

async function refreshBanners() {
  const answer = await fetch(`/?center=${encodeURIComponent(root.dataset.center)}`);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("banners");
  if (fresh) document.getElementById("banners").replaceChildren(...fresh.childNodes);
}

list.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.acknowledge");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(`/api/v1/cases/${form.dataset.report}/acknowledge`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ center_id: form.dataset.center, by: root.dataset.by }),
    });
    const body = await answer.json();
    live.textContent = answer.ok ? `${body.alias}: ${root.dataset.done}` : body.detail;
  } catch {
    live.textContent = root.dataset.lost;
  } finally {
    button.disabled = false;
  }
});

listen();
