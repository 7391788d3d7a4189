// Keeps each answer of a call as soon as its field is left, shows that it was, and goes on trying while it could not be.
// The clock runs, and a few keys move about; they can be turned off. Without this file every button does the same.

const PAUSE_MS = 1500; // a pause in typing after which a long answer is kept before its field is left
const AGAIN_MS = 3000;
const STILL_HERE_MS = 4 * 60 * 1000; // a call that goes on without answers stays kept
const REMEMBERED = "calls.keys";

const page = document.querySelector("[data-call]");
const form = document.querySelector("#step");
const status = document.querySelector("[data-status]");
if (page && form && status) begin();

function begin() {
  const dirty = new Set();
  let busy = false;
  let leaving = false;
  let over = false;
  let soon = 0;
  let last = Date.now();

  const say = (text, late = false) => {
    status.textContent = text;
    status.classList.toggle("late", late);
  };

  /** Keep what changed; one request at a time, so that nothing older overtakes what is newer. */
  async function keep() {
    clearTimeout(soon);
    if (busy || leaving || over || !dirty.size) return;
    busy = true;
    const names = [...dirty];
    dirty.clear();
    const body = new URLSearchParams();
    for (const name of names) body.append("only", name);
    for (const [name, value] of new FormData(form)) if (names.includes(name)) body.append(name, value);
    say(page.dataset.saving);
    let wait = 0;
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const told = await answer.json().catch(() => ({}));
      if ("saved" in told) show(names, told);
      else {
        names.forEach((name) => dirty.add(name));
        wait = refused(answer.status, told);
      }
    } catch {
      names.forEach((name) => dirty.add(name));
      say(page.dataset.not, true);
      wait = AGAIN_MS;
    }
    busy = false;
    last = Date.now();
    if (dirty.size && !over) soon = setTimeout(keep, wait);
  }

  /** What a refusal means; milliseconds until it is tried again. */
  function refused(code, told) {
    if (told.code === "call_ended") {
      // The draft's time was over. Everything is still on this page: sent together it is kept anew.
      leaving = true;
      document.querySelector("[data-save]").click();
    } else if ([403, 404, 409].includes(code)) {
      over = true;
      say(told.detail ?? page.dataset.not, true);
    } else say(code === 401 ? page.dataset.signIn : page.dataset.not, true);
    return AGAIN_MS;
  }

  function show(names, told) {
    const wrong = Object.keys(told.problems ?? {});
    say(wrong.length ? page.dataset.heldBack : `${page.dataset.saved} ${told.saved}`, wrong.length > 0);
    for (const name of names) mark(name, told.problems?.[name]);
    for (const [slug, one] of Object.entries(told.sections ?? {})) section(slug, one);
    if (told.districts?.length) districts(told.districts);
    if ("linked" in told) document.querySelector("[data-linked]").hidden = !told.linked;
  }

  form.addEventListener("change", (event) => {
    if (!event.target.name) return;
    dirty.add(event.target.name);
    keep();
  });
  form.addEventListener("input", (event) => {
    if (!event.target.name || !event.target.matches("textarea, input:not([type=radio], [type=checkbox])")) return;
    dirty.add(event.target.name);
    clearTimeout(soon);
    soon = setTimeout(keep, PAUSE_MS);
  });
  document.addEventListener("submit", () => {
    leaving = true;
  });
  addEventListener("pageshow", () => {
    leaving = false;
  });
  addEventListener("online", keep);
  addEventListener("beforeunload", (event) => {
    if (!leaving && (busy || dirty.size)) event.preventDefault();
  });
  setInterval(() => {
    if (Date.now() - last < STILL_HERE_MS || document.hidden) return;
    dirty.add("role");
    keep();
  }, 10000);
  // A slow line brings the page before this file: what was answered meanwhile is kept now.
  for (const field of form.elements) if (field.name && answered(field)) dirty.add(field.name);
  keep();
  clock();
  keys(() => {
    for (const field of form.elements) if (field === document.activeElement && field.name && field.type !== "submit") dirty.add(field.name);
    if (!dirty.size) dirty.add("role");
    keep();
  });
}

/** Whether a field says something else than when the page came. */
function answered(field) {
  if (field.matches("[type=radio], [type=checkbox]")) return field.checked !== field.defaultChecked;
  if (field.matches("select")) return field.value !== ([...field.options].find((one) => one.defaultSelected) ?? field.options[0]).value;
  return field.matches("input, textarea") && field.value !== field.defaultValue;
}

/** Says beside a field why it was not kept, or no longer. */
function mark(name, text) {
  const control = form.querySelector(`[name="${name}"]`);
  const field = control?.closest(".field");
  if (!field) return;
  const known = document.getElementById(`${name}-error`);
  const told = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== `${name}-error`);
  known?.remove();
  field.classList.toggle("has-error", Boolean(text));
  if (text) {
    const error = Object.assign(document.createElement("p"), { className: "error", id: `${name}-error`, textContent: text });
    field.querySelector("legend, label").after(error);
    told.push(error.id);
  }
  if (field.tagName === "FIELDSET") return;
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
  if (told.length) control.setAttribute("aria-describedby", told.join(" "));
  else control.removeAttribute("aria-describedby");
}

/** A section's words and whether its questions apply to what was answered. */
function section(slug, one) {
  const place = document.querySelector(`[data-section="${slug}"]`);
  const entry = document.querySelector(`[data-index="${slug}"]`);
  if (!place || !entry) return;
  place.hidden = entry.hidden = !one.shown;
  place.querySelector("h2").textContent = entry.querySelector("a").textContent = one.title;
  place.querySelector(".why").textContent = one.why;
  const note = place.querySelector("[data-note]");
  note.hidden = !one.note;
  note.querySelector("p").textContent = one.note;
}

/** The districts of the place that was chosen. */
function districts(found) {
  const list = form.elements.district;
  const wanted = found.map(([code]) => code).join();
  if (list.dataset.of === wanted) return;
  list.dataset.of = wanted;
  const chosen = list.value;
  while (list.options.length > 1) list.remove(1);
  for (const [code, name] of found) list.add(new Option(name, code, false, code === chosen));
}

function clock() {
  const timer = document.querySelector("[data-began]");
  if (!timer) return;
  const began = Date.parse(timer.dataset.began);
  const two = (number) => String(number).padStart(2, "0");
  const tick = () => {
    const seconds = Math.max(0, Math.floor((Date.now() - began) / 1000));
    timer.textContent = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
  };
  tick();
  setInterval(tick, 1000);
}

/** Function keys only, which type nothing; off when the operator says so, and remembered on this machine. */
function keys(save) {
  const panel = document.querySelector("[data-keys]");
  const box = document.querySelector("[data-shortcuts]");
  panel.hidden = false;
  box.checked = localStorage.getItem(REMEMBERED) !== "off";
  box.addEventListener("change", () => localStorage.setItem(REMEMBERED, box.checked ? "on" : "off"));
  const places = () => [...document.querySelectorAll("[data-section]")].filter((place) => !place.hidden);
  const enter = (place) => place?.querySelector("input:checked, input, select, textarea")?.focus();
  const doing = {
    F2: (back) => {
      const all = places();
      const at = all.findIndex((place) => place.contains(document.activeElement));
      enter(all[Math.min(all.length - 1, Math.max(0, at + (back ? -1 : 1)))]);
    },
    F4: () => enter(document.querySelector("#s-last")),
    F8: save,
    F9: () => document.querySelector("[data-send]").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (!box.checked || event.ctrlKey || event.altKey || event.metaKey || !(event.key in doing)) return;
    event.preventDefault();
    doing[event.key](event.shiftKey);
  });
}
