// Passkeys in the browser: sign-in, re-authentication, and adding one. The elements that need this script are hidden
// without it.
/* global SimpleWebAuthnBrowser, document, location */
const { base } = document.currentScript.dataset;

const acts = {
  async signIn({ returnTo, remember }) {
    const response = await sign();
    await send('/login/passkey', { response, remember: document.querySelector(remember)?.checked ?? false });
    location.assign(base + returnTo);
  },
  async prove({ returnTo }) {
    await send('/reauthenticate', { passkey: await sign() });
    location.assign(base + returnTo);
  },
  async add({ name }) {
    const optionsJSON = await send('/passkeys/options', {});
    const response = await SimpleWebAuthnBrowser.startRegistration({ optionsJSON });
    await send('/passkeys', { response, name: document.querySelector(name).value });
    location.assign(`${base}/account/passkeys`);
  },
};

async function sign() {
  const optionsJSON = await send('/login/passkey/options', {});
  return SimpleWebAuthnBrowser.startAuthentication({ optionsJSON });
}

async function send(path, body) {
  const answer = await fetch(`${base}/api${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const content = answer.status === 204 ? {} : await answer.json();
  if (answer.ok) return content;
  if (content.error.code === 'reauthentication_required')
    location.assign(`${base}/account/confirm?returnTo=${encodeURIComponent(location.pathname.slice(base.length))}`);
  throw new Error(content.error.message);
}

if (SimpleWebAuthnBrowser.browserSupportsWebAuthn())
  for (const place of document.querySelectorAll('[data-passkey]')) {
    const button = place.querySelector('button');
    const fault = place.querySelector('[role=alert]');
    place.hidden = false;
    button.addEventListener('click', async () => {
      fault.hidden = true;
      button.setAttribute('aria-busy', 'true');
      try {
        await acts[place.dataset.passkey](place.dataset);
      } catch (error) {
        const gaveUp = error.name === 'NotAllowedError' || error.name === 'AbortError';
        fault.textContent = gaveUp
          ? 'The request was cancelled, or no passkey was found. Please try again.'
          : error.message;
        fault.hidden = false;
      } finally {
        button.removeAttribute('aria-busy');
      }
    });
  }
