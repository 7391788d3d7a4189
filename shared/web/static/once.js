// A page that a form was answered with and that is shown once: going back to it, or loading it again, leads to the address
// it names. Without this the browser asks whether to send the form again.

history.replaceState(null, "", document.querySelector("[data-again]").dataset.again);
