// A step that is the answer to a form: what was typed and refused is on this page and nowhere else, so loading it again has
// to send that form again. Once somebody sends it anew, going back leads to the step as it is kept; without this the browser
// asks whether to send the earlier form again.

addEventListener("submit", () => history.replaceState(null, "", location.href));
