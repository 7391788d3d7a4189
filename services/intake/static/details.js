// Keeps the page of details open while somebody answers and notes. Without this a form leads to a page of its own, and
// whoever comes back needs another ticket.

function told(form, text, wrong) {
  const field = form.querySelector("textarea");
  let note = form.querySelector(".written");
  if (!note) {
    note = document.createElement("p");
    note.id = `${field.id}-written`;
    field.before(note);
    field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby")} ${note.id}`);
  }
  note.className = wrong ? "written error" : "written";
  note.setAttribute("role", wrong ? "alert" : "status");
  note.textContent = text;
  field.toggleAttribute("aria-invalid", wrong);
  if (wrong) field.setAttribute("aria-invalid", "true");
  field.focus();
}

function shown(form, text) {
  const card = document.createElement("article");
  const [about, words] = [document.createElement("p"), document.createElement("p")];
  card.className = "card";
  about.className = "quiet";
  about.textContent = form.dataset.mine;
  words.className = "pre veil";
  words.tabIndex = 0;
  words.dir = "auto";
  words.textContent = text;
  card.append(about, words);
  form.parentElement.querySelector("[data-written]").prepend(card);
}

// The texts written from one form are many. A text whose reply was lost keeps its key, so that it is written once.
function renewed(form) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  form.elements.idempotency_key.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

for (const form of document.querySelectorAll("form.write")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [button, field] = [form.querySelector("button"), form.querySelector("textarea")];
    button.disabled = true;
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(new FormData(form)),
      });
      if (answer.ok) {
        shown(form, field.value);
        field.value = "";
        for (const tick of form.querySelectorAll("[type=checkbox]")) tick.checked = false;
        told(form, form.dataset.kept, false);
        renewed(form);
      } else {
        const problem = await answer.json();
        if (problem.code === "idempotency_conflict") renewed(form);
        told(form, problem.detail, true);
      }
    } catch {
      told(form, form.dataset.lost, true);
    } finally {
      button.disabled = false;
    }
  });
}
