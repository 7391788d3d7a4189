// Whatever can have the focus gets it, shows it, and is not wholly covered then (WCAG 2.4.7, 2.4.11): a list of faults.
() => {
  const faults = [];
  const said = e => e.outerHTML.replace(/\s+/g, " ").slice(0, 120);
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const outlined = one => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  for (const e of document.querySelectorAll(all)) {
    if (!e.checkVisibility() || e.disabled || e.tabIndex < 0) continue;
    e.focus({focusVisible: true});
    if (document.activeElement !== e) {
      faults.push(`takes no focus: ${said(e)}`);
      continue;
    }
    if (![e, e.closest(".choice")].some(one => one && outlined(one))) faults.push(`focus is not seen: ${said(e)}`);
    const mine = at => at && (e.contains(at) || [...(e.labels || [])].some(label => label.contains(at)));
    const points = [...e.getClientRects()].flatMap(box => {
      const [left, right, top, bottom] = [box.left + 2, box.right - 2, box.top + 2, box.bottom - 2];
      const middle = [(left + right) / 2, (top + bottom) / 2];
      return [middle, [left, top], [right, top], [left, bottom], [right, bottom], [left, middle[1]]];
    });
    if (!points.some(([x, y]) => mine(document.elementFromPoint(x, y)))) faults.push(`covered: ${said(e)}`);
  }
  return faults;
}
