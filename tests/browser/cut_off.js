// What sticks out of the window or is cut off, as a list of words. Code and tables may scroll in a box of their own, which
// keeps the page itself from scrolling (WCAG 1.4.10).
() => {
  const faults = [];
  const wide = document.documentElement.clientWidth;
  const said = e => e.outerHTML.replace(/\s+/g, " ").slice(0, 140);
  const scrolls = e => e.closest("pre, select, noscript") || (e.closest("table") && roomy(e.closest("table").parentElement));
  const roomy = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const hidden = e => e.closest(".hidden-text, .visually-hidden, .skip, .sole > .field > legend, .sole > .field > label");
  const boxes = new Map();
  const cutting = e => { // the boxes of the element and of those it is in, as far as they cut off what leaves them
    if (!boxes.has(e)) {
      const above = e === document.body ? [] : cutting(e.parentElement);
      const cuts = e !== document.body && getComputedStyle(e).overflow !== "visible";
      boxes.set(e, cuts ? [e.getBoundingClientRect(), ...above] : above);
    }
    return boxes.get(e);
  };
  const far = document.documentElement.scrollWidth;
  if (far > wide) faults.push(`scrolls sideways: ${far} of ${wide}`);
  const range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const parent = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !parent.checkVisibility() || hidden(parent)) continue;
    if (scrolls(parent)) continue;
    range.selectNodeContents(texts.currentNode);
    for (const box of range.getClientRects()) {
      if (box.right > wide + 1 || box.left < -1) faults.push(`text beyond the window: ${said(parent)}`);
      for (const around of cutting(parent)) {
        const cut = box.right > around.right + 1 || box.bottom > around.bottom + 1;
        if (cut) faults.push(`text cut off: ${said(parent)}`);
      }
    }
  }
  for (const e of document.querySelectorAll("button, .button, .choice, .tag, .exit")) {
    if (e.checkVisibility() && !hidden(e) && e.scrollWidth > e.clientWidth + 1) faults.push(`does not fit: ${said(e)}`);
  }
  return [...new Set(faults)];
}
