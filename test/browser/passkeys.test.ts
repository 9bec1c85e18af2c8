/**
 * A passkey in Debian's chromium, with its virtual authenticator: made where a second factor was
 * shown, good instead of a code, and for nobody else.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { createHash, type X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { totpCode } from '#access'
import { standing } from '../support/sign-on-site.ts'
import { secretOf } from '../support/totp.ts'
import { countFrom, newAuthenticator } from './authenticator.ts'
import { expectAccessible, noChromium, newBrowser, watchPage } from './browser.ts'

const SCOPE = { scope: 'openid user/Patient.r', prompt: 'login' }

test('a passkey does instead of a code', { skip: noChromium }, async (t) => {
  const site = await standing(t, 'localhost')
  const { admin, ada, authorize, origin, person } = site
  const context = await newBrowser(t, [
    `--ignore-certificate-errors-spki-list=${await keyHashAt(site.ca, origin)}`,
  ])
  // The app's own page is nowhere: without an answer its failure would cut off what comes next.
  await context.route('https://app.example/**', (route) => route.fulfill({ body: 'back' }))
  const page = await context.newPage()
  const complaints = watchPage(page, origin)
  const cdp = await context.newCDPSession(page)
  const authenticator = await newAuthenticator(cdp)
  const signIn = async (how: () => Promise<void>) => {
    const app = await authorize(SCOPE)
    await page.goto(app.url.href)
    await page.getByLabel('Name').fill(ada.login)
    await page.getByLabel('Password').fill(ada.password)
    await how()
    return app
  }
  const allow = async (app: Awaited<ReturnType<typeof signIn>>) => {
    const back = page.waitForRequest((one) => one.url().startsWith('https://app.example/back'))
    await page.getByRole('button', { name: 'Allow', exact: true }).click()
    const url = new URL((await back).url())
    await page.waitForURL(url.href)
    return await app.exchange(url)
  }
  const withPasskey = () => page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  const refused = async (how: () => Promise<void>) => {
    await signIn(how)
    await page.getByText('Name, password or code are not right').waitFor()
  }

  const { uri } = await admin.call('addTotp', { person }, null)
  const code = totpCode(secretOf(uri), Math.floor(Date.now() / 30_000))
  const first = await signIn(async () => {
    await expectAccessible(page)
    await page.getByLabel('Code of your authenticator app').fill(code)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  })
  await page.getByRole('button', { name: 'Add a passkey of this device' }).click()
  await page.getByText('The passkey is kept').waitFor()
  await expectAccessible(page)
  assert.deepEqual((await allow(first)).claims()?.['amr'], ['pwd', 'otp', 'mfa'])

  const shown = page.waitForRequest(
    (request) => request.postData()?.includes('passkey=%7B') === true,
  )
  const second = await signIn(withPasskey)
  const proof = new URLSearchParams((await shown).postData() ?? '').get('passkey') ?? ''
  assert.deepEqual((await allow(second)).claims()?.['amr'], ['pwd', 'pop', 'mfa'])

  // What was shown once is void, in another sign-in as well.
  await refused(async () => {
    await page.evaluate(`(${FILL})(${JSON.stringify(proof)})`)
  })
  await cdp.send('WebAuthn.setUserVerified', {
    authenticatorId: authenticator,
    isUserVerified: false,
  })
  await signIn(withPasskey)
  await page.getByText('No passkey was shown.').waitFor()
  await cdp.send('WebAuthn.setUserVerified', {
    authenticatorId: authenticator,
    isUserVerified: true,
  })
  // As somebody had copied it before it was last used.
  await countFrom(cdp, authenticator, 0)
  await refused(withPasskey)

  const { person: view } = await admin.call('person', { person }, null)
  const passkey = view.factors.find(({ kind }) => kind === 'passkey')
  assert(passkey !== undefined)
  await countFrom(cdp, authenticator, 1000)
  await signIn(withPasskey)
  await page.getByRole('button', { name: 'Allow', exact: true }).waitFor()
  await admin.call('removeFactor', { person, factor: passkey.factor }, null)
  await refused(withPasskey)
  // The address of the app leads nowhere here, and refused sign-ins are told by the browser too.
  const others = complaints.filter((one) => !/app\.example|ERR_NAME_NOT_RESOLVED/.test(one))
  assert.deepEqual(others, [])
})

/** Fills in what was seen before, as a thief would; runs in the page. */
const FILL = `(proof) => {
  const form = document.querySelector('[data-passkey]').form
  form.elements.passkey.value = proof
  form.requestSubmit(form.querySelector('button[name=act]'))
}`

/** The hash of a site's TLS key, by which chromium lets its private authority pass. */
async function keyHashAt(ca: string, origin: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate | undefined>()
  const { hostname, port } = new URL(origin)
  const socket = connect({ host: hostname, port: Number(port), ca, servername: hostname }, () => {
    resolve(socket.getPeerX509Certificate())
    socket.end()
  })
  socket.once('error', reject)
  const spki = (await promise)?.publicKey.export({ format: 'der', type: 'spki' })
  assert(spki !== undefined)
  return createHash('sha256').update(spki).digest('base64')
}
