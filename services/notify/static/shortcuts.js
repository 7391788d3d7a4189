// Keyboard shortcuts of the work list. They can be turned off (KWCAG 6.1.4), and never act while somebody types.

/** Listens for them where they are wished for. */
export function shortcuts(wishes, list, search) {
  function rows() {
    return [...document.querySelectorAll("#offers > li"), ...list.querySelectorAll("li.case")].filter((row) => row.checkVisibility());
  }

  function current() {
    return document.activeElement?.closest("li.case");
  }

  function step(by) {
    const all = rows();
    const at = all.indexOf(current());
    const next = all[at === -1 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    next?.querySelector(".case-alias").focus();
  }

  const acts = {
    j: () => step(1),
    k: () => step(-1),
    a: () => current()?.querySelector("form.acknowledge button, a.open-new")?.click(),
    o: () => current()?.querySelector(".case-alias").click(),
    "/": () => {
      search.closest("details").open = true;
      search.focus();
    },
  };

  // While a Korean keyboard writes Hangul, J is “ㅓ” or “Process”: then the place of the key counts.
  const places = { KeyJ: "j", KeyK: "k", KeyA: "a", KeyO: "o", Slash: "/" };
  const latin = (key) => /^[!-~]$/.test(key);

  document.addEventListener("keydown", (event) => {
    if (!wishes.keys || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const act = acts[latin(event.key) || event.shiftKey ? event.key : places[event.code]];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
