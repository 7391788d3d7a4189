// Keeps the work list of the console live and acknowledges without leaving it. The page works without this.

const root = document.querySelector(".console");
const list = document.getElementById("cases");
const live = document.getElementById("live");
const offered = document.getElementById("offered");
const offers = document.getElementById("offers");
const listTitle = document.getElementById("list-title");
const empty = document.getElementById("empty");
const more = document.getElementById("more");
const seen = new Map();
let listed = null;

for (const row of [...offers.children, ...list.children]) seen.set(row.id, Number(row.dataset.rev));

function place(row, into) {
  let after = null;
  for (const other of into.children) {
    if (other !== row && other.dataset.sort > row.dataset.sort) {
      after = other;
      break;
    }
  }
  into.insertBefore(row, after);
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
  const into = entry.section === "offers" ? offers : list;
  if (!known || known.parentElement !== into) {
    known?.remove();
    row.classList.add("fresh");
    place(row, into);
    return;
  }
  const held = known.contains(document.activeElement);
  // A row keeps its place while someone is about to act on it.
  known.replaceWith(row);
  if (held) (row.querySelector("button") ?? row.querySelector("a")).focus();
  else place(row, into);
}

function take(left) {
  const row = document.getElementById(`case-${left.report_id}`);
  if (!row) return;
  row.remove();
  const why = root.dataset[left.why];
  if (why) live.textContent = `${left.alias}: ${why}`;
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
  offered.hidden = offers.children.length === 0;
  listTitle.classList.toggle("visually-hidden", offered.hidden);
}

function apply(body) {
  for (const entry of body.rows) put(entry);
  for (const left of body.gone) take(left);
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
    for (const row of [...offers.children, ...list.children]) if (!listed.has(row.id)) row.remove();
    listed = null;
    counted();
  });
  source.addEventListener("rows", (event) => apply(JSON.parse(event.data)));
  source.addEventListener("notice", refreshBanners);
  source.addEventListener("reconnect", (event) => {
    if (JSON.parse(event.data).reason !== "signed_out") return;
    source.close();
    comeBack();
  });
  source.addEventListener("error", () => {
    root.dataset.live = "no";
    live.textContent = root.dataset.lost;
    // A stream that is refused is not tried again by the browser: whether to sign in first, the page itself says.
    if (source.readyState === EventSource.CLOSED) setTimeout(comeBack, 3000);
  });
}

// Listens again where the person is still signed in; leads to the sign-in where not.
async function comeBack() {
  try {
    const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" } });
    if (answer.ok) return void listen();
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return location.reload();
  } catch {
    // The service is away: try again.
  }
  root.dataset.live = "no";
  live.textContent = root.dataset.lost;
  setTimeout(comeBack, 3000);
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
      body: JSON.stringify({ ownership: Number(form.dataset.ownership) }),
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
