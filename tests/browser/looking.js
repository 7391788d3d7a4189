// What a reader would see as broken on the dashboard: words drawn over bars or each other, words torn in two.
() => {
  const faults = [];
  const shown = e => e.checkVisibility() && e.getBoundingClientRect().width > 0;
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  for (const chart of document.querySelectorAll("svg.chart")) {
    const edge = chart.getBoundingClientRect().right + 1;
    const texts = [...chart.querySelectorAll("text")].map(e => [e, e.getBoundingClientRect()]);
    const shapes = [...chart.querySelectorAll("g > rect")].map(e => [e, e.getBoundingClientRect()]);
    texts.forEach(([text, box], index) => {
      if (box.right > edge) faults.push(`"${text.textContent}" runs out of its chart`);
      for (const [other, its] of [...shapes, ...texts.slice(index + 1)]) {
        if (meet(box, its)) faults.push(`"${text.textContent}" is drawn over "${other.textContent || other.className.baseVal}"`);
      }
    });
  }
  for (const e of document.querySelectorAll("main :is(h1, h2, th, .stat-value, .sentence, td)")) {
    if (!shown(e)) continue;
    const walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("code")) continue; // breaks after an underline
      for (const word of node.data.matchAll(/[^\s·+/()~–]{2,}/g)) {
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
        if (/\p{L}-\p{L}/u.test(word[0])) continue; // breaks after its hyphen
        if (lines.size > 1 && word[0].length < 16) faults.push(`"${word[0]}" is torn in two`);
      }
    }
  }
  return faults;
}
