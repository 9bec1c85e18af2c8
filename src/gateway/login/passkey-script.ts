/**
 * The one script of the sign-in pages: asks the browser for a passkey and sends what comes with the
 * form that asked. Without it, or where there are no passkeys, everything else works.
 *
 * @see Web Authentication Level 3, §5.1.8 to §5.1.10
 * @module
 */

/** As the browser gets it, from an address of its own: the policy of the pages names that alone. */
export const PASSKEY_SCRIPT = `'use strict'
for (const button of document.querySelectorAll('button[data-passkey]')) {
  if (globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === undefined) continue
  button.hidden = false
  button.addEventListener('click', async () => {
    const { form, dataset } = button
    const { options, make } = JSON.parse(dataset.passkey)
    try {
      const credential = make
        ? await navigator.credentials.create({
            publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
          })
        : await navigator.credentials.get({
            publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
          })
      form.elements.passkey.value = JSON.stringify(credential.toJSON())
    } catch {
      form.querySelector('[data-says]').textContent = 'No passkey was shown.'
      return
    }
    form.requestSubmit(form.querySelector('button[name=act]'))
  })
}
`
