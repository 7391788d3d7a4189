// "Only here" excludes every other way of contact: choosing it clears the others, and the other way round.
// Without this file the form says so when it is sent.

const ALONE = "message_here";

document.addEventListener("change", ({ target }) => {
  if (target.name !== "contact_channels" || !target.checked) return;
  for (const other of target.form.querySelectorAll("input[name=contact_channels]:checked"))
    if (other !== target && (other.value === ALONE) !== (target.value === ALONE)) other.checked = false;
});
