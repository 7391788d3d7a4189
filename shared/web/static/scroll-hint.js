// Says above a table that is wider than its place that it can be scrolled sideways, as long as it is.

const said = document.body.dataset.scrolls;

function judge(region) {
  const wide = region.scrollWidth > region.clientWidth + 1;
  let hint = region.previousElementSibling?.matches(".scroll-hint") ? region.previousElementSibling : null;
  if (wide && !hint) {
    hint = document.createElement("p");
    hint.className = "scroll-hint";
    hint.textContent = said;
    region.before(hint);
  }
  if (hint) hint.hidden = !wide;
}

const watched = new ResizeObserver((changes) => changes.forEach((change) => judge(change.target)));
for (const region of document.querySelectorAll(".scroll, .table-wrap")) watched.observe(region);
