// Asks the browser for a passkey, new or known, and sends its answer with the form around the button. Without this file,
// or where the browser knows no passkeys, the button stays hidden and the page says what else there is.

if (window.PublicKeyCredential && navigator.credentials) {
  for (const words of document.querySelectorAll("[data-without-passkeys]")) words.hidden = true;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.disabled = false;
    if (button.type !== "submit") {
      button.addEventListener("click", () => show(button));
      continue;
    }
    button.form.addEventListener("submit", (event) => {
      event.preventDefault();
      show(button);
    });
  }
}

async function show(button) {
  const form = button.form;
  // Not disabled: a button that is loses the focus of who pressed it by key.
  if (form.dataset.asked) return;
  const needed = [...form.querySelectorAll("[data-with-passkey]")];
  if (!needed.every((field) => field.reportValidity())) return;
  form.dataset.asked = "yes";
  say(button, "waiting");
  try {
    const asked = await fetch(button.dataset.options, { method: "POST", headers: { accept: "application/json" } });
    if ([401, 403, 404].includes(asked.status)) {
      // The time for it is over, or the session: this very page says so, and leads to the sign-in.
      location.replace(location.pathname + location.search);
      return;
    }
    if (!asked.ok) throw new Error(String(asked.status));
    const options = await asked.json();
    const made = button.dataset.passkey === "create" ? await create(options) : await get(options);
    form.elements.passkey.value = JSON.stringify(made);
    form.submit();
  } catch (error) {
    say(button, error.name === "InvalidStateError" ? "known" : "failed");
    delete form.dataset.asked;
  }
}

async function create(options) {
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: options.excludeCredentials.map(described),
    },
  });
  return {
    ...answer(made),
    response: {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
    },
  };
}

async function get(options) {
  const shown = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: (options.allowCredentials ?? []).map(described),
    },
  });
  return {
    ...answer(shown),
    response: {
      clientDataJSON: text(shown.response.clientDataJSON),
      authenticatorData: text(shown.response.authenticatorData),
      signature: text(shown.response.signature),
      userHandle: shown.response.userHandle ? text(shown.response.userHandle) : null,
    },
  };
}

function answer(credential) {
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {} };
}

function described(credential) {
  return { ...credential, id: bytes(credential.id) };
}

function bytes(base64url) {
  const plain = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function say(button, what) {
  const status = button.form.querySelector("[data-passkey-status]");
  status.textContent = status.getAttribute(`data-${what}`) ?? "";
}
